//! The server over HTTP, on a real port, on SQLite and on PostgreSQL.

mod support;

mod aliases;
mod bad_input;
mod complete;
mod cors;
mod create;
mod delete;
mod documents;
mod errors;
mod get;
mod list;
mod methods;
mod model;
mod outages;
mod ownership;
mod process;
mod rate_limit;
mod strict;
mod tokens;
mod truth;
mod update;
