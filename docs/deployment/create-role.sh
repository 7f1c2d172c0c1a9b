#!/bin/sh
# Creates the role and the database of the server. The role owns this database and has no other rights. The image of PostgreSQL runs
# this script once, as the superuser, when it creates its data.
set -eu
# psql does not replace a variable in the text of --command, so the statements are its input.
psql --set=ON_ERROR_STOP=1 --set=password="$TASKS_PASSWORD" --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
CREATE ROLE tasks LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE tasks OWNER tasks ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
REVOKE ALL ON DATABASE tasks FROM PUBLIC;
SQL
