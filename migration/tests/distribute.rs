//! Tables that are split by owner.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

use std::process::Command;

use migration::{DISTRIBUTED, Layout, SchemaChange, SchemaOutcome, apply_pending, change_schema, layout};
use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use testing::{Backend, ConnectionTrait, DbBackend, Statement, TestDatabase, on_both_databases};

/// Creates a PostgreSQL database whose tables are whole, whatever `TEST_PARTITIONED` is.
async fn whole() -> Option<(TestDatabase, DatabaseConnection)> {
    let database = TestDatabase::empty(Backend::Postgres).await?;
    let connection = database.connect().await;
    apply_pending(&connection).await.unwrap();
    Some((database, connection))
}

/// Runs the program. Returns whether it succeeded, and what it wrote.
fn migration(arguments: &[&str], database: &TestDatabase) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migration"));
    let output = command.args(arguments).env("DATABASE_URL", database.url()).output().unwrap();
    (output.status.success(), String::from_utf8([output.stderr, output.stdout].concat()).unwrap())
}

/// Returns the column `text` of each row.
async fn texts(connection: &DatabaseConnection, query: &str) -> Vec<String> {
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, query)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
}

async fn run(connection: &DatabaseConnection, statement: &str) {
    connection.execute_unprepared(statement).await.unwrap();
}

async fn partition(connection: &DatabaseConnection) -> Result<SchemaOutcome, DbErr> {
    change_schema(connection, SchemaChange::Partition(3), true).await
}

/// Columns, checks and options of each table, one a line.
const PROPERTIES: &str = "
    SELECT concat_ws(
        ' ', table_name, column_name, data_type, is_nullable, collation_name, column_default, generation_expression) AS text
    FROM information_schema.columns WHERE table_name IN ('task', 'task_owner', 'task_change', 'task_request')
    UNION ALL
    SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE contype IN ('p', 'c') AND conrelid::regclass::text IN ('task', 'task_owner', 'task_change', 'task_request')
    UNION ALL
    SELECT concat_ws(' ', relname, 'comment', obj_description(oid)) FROM pg_class
    WHERE relname IN ('task', 'task_owner', 'task_change', 'task_request') ORDER BY 1";

const INDEXES: &str = "SELECT replace(indexdef, ' ON ONLY ', ' ON ') AS text FROM pg_indexes
    WHERE tablename IN ('task', 'task_owner', 'task_change', 'task_request') ORDER BY 1";

#[on_both_databases]
async fn the_layout_of_a_migrated_database_is_whole(database: TestDatabase) {
    let connection = database.connect().await;
    let is_partitioned = std::env::var("TEST_PARTITIONED").as_deref() == Ok("1")
        && connection.get_database_backend() == DbBackend::Postgres;
    let expected = if is_partitioned { Layout::ByOwner } else { Layout::Whole };
    assert_eq!(layout(&connection).await.unwrap(), expected);
}

#[tokio::test]
async fn the_layout_is_by_owner_if_the_table_of_tasks_is_partitioned() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else { return };
    let connection = database.connect().await;
    assert_eq!(layout(&connection).await.unwrap(), Layout::Whole, "no table");
    run(&connection, "CREATE TABLE task (user_id text) PARTITION BY HASH (user_id)").await;
    assert_eq!(layout(&connection).await.unwrap(), Layout::ByOwner);
}

#[tokio::test]
async fn every_primary_key_begins_with_the_owner_and_every_unique_index_contains_it() {
    let Some(database) = TestDatabase::partitioned().await else { return };
    let connection = database.connect().await;
    assert_eq!(layout(&connection).await.unwrap(), Layout::ByOwner);
    for table in DISTRIBUTED {
        let key = format!(
            "SELECT attname::text AS text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
             WHERE indrelid = '{table}'::regclass AND indisprimary"
        );
        assert_eq!(texts(&connection, &key).await, ["user_id"], "{table}");
        let unique = format!(
            "SELECT pg_get_indexdef(indexrelid) AS text FROM pg_index WHERE indrelid = '{table}'::regclass AND indisunique"
        );
        let unique = texts(&connection, &unique).await;
        assert!(unique.iter().all(|index| index.contains("(user_id")), "{unique:?}");
        let collation = format!(
            "SELECT collname::text AS text FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
             WHERE attrelid = '{table}'::regclass AND attname = 'user_id'"
        );
        assert_eq!(texts(&connection, &collation).await, ["C"], "{table}");
    }
}

#[tokio::test]
async fn splitting_changes_the_key_of_tasks_and_keeps_rows_and_all_other_properties() {
    let Some((_database, connection)) = whole().await else { return };
    for statement in [
        "ALTER TABLE task ADD COLUMN length integer GENERATED ALWAYS AS (length(title)) STORED",
        "ALTER TABLE task ADD CONSTRAINT titled CHECK (title <> '')",
        "ALTER TABLE task DROP COLUMN due_date",
        "COMMENT ON TABLE task IS 'adopted: it''s old'",
        "CREATE UNIQUE INDEX task_owned_title ON task (user_id, (lower(title))) WHERE completed",
        "ALTER TABLE task_request ADD CONSTRAINT task_request_at UNIQUE (user_id, at, key)",
    ] {
        run(&connection, statement).await;
    }
    testing::seed(&connection, 40, &[("user_id", "'user ' || (n % 9)")]).await;
    let write = "INSERT INTO task_change (user_id, at, task_id, kind) SELECT user_id, id, id, 3 FROM task";
    run(&connection, write).await;
    run(&connection, "DELETE FROM task WHERE id = 40").await;
    let rows = "SELECT task::text AS text FROM task UNION ALL SELECT task_owner::text FROM task_owner
                UNION ALL SELECT task_change::text FROM task_change ORDER BY 1";
    let before = (texts(&connection, rows).await, texts(&connection, PROPERTIES).await);
    let mut indexes = texts(&connection, INDEXES).await;
    assert_eq!(before.0.len(), 39 + 9 + 40);

    partition(&connection).await.unwrap();

    assert_eq!(texts(&connection, rows).await, before.0);
    let mut expected: Vec<String> = before
        .1
        .iter()
        .map(|line| match line.as_str() {
            "task id bigint NO" => "task id bigint NO nextval('task_id_seq'::regclass)".to_owned(),
            "task user_id text NO" => "task user_id text NO C".to_owned(),
            "task task_pkey PRIMARY KEY (id)" => "task task_pkey PRIMARY KEY (user_id, id)".to_owned(),
            line => line.to_owned(),
        })
        .collect();
    let mut properties = texts(&connection, PROPERTIES).await;
    expected.sort();
    properties.sort();
    assert_eq!(properties, expected);
    for index in &mut indexes {
        if index.contains("task_pkey") {
            *index = index.replace("(id)", "(user_id, id)");
        }
    }
    indexes.push("CREATE INDEX task_id ON public.task USING btree (id)".to_owned());
    let mut found = texts(&connection, INDEXES).await;
    indexes.sort();
    found.sort();
    assert_eq!(found, indexes);

    let options =
        "SELECT concat(relname, reloptions) AS text FROM pg_class WHERE relname LIKE 'task_owner_p_' ORDER BY 1";
    let half = ["task_owner_p0{fillfactor=50}", "task_owner_p1{fillfactor=50}", "task_owner_p2{fillfactor=50}"];
    assert_eq!(texts(&connection, options).await, half);
    // The number of the deleted task is not used again.
    let insert = "INSERT INTO task (user_id, title, completed, created_at, updated_at)
                  VALUES ('zoe', 't', false, now(), now()) RETURNING id::text AS text";
    assert_eq!(texts(&connection, insert).await, ["41"]);
    let sequence = "SELECT pg_get_serial_sequence('task', 'id') AS text";
    assert_eq!(texts(&connection, sequence).await, ["public.task_id_seq"]);
    run(&connection, "DROP TABLE task").await;
    assert_eq!(
        texts(&connection, "SELECT relname::text AS text FROM pg_class WHERE relname = 'task_id_seq'").await,
        [""; 0]
    );
}

#[tokio::test]
async fn the_sequence_of_a_serial_column_is_kept() {
    let Some((_database, connection)) = whole().await else { return };
    for statement in [
        "ALTER TABLE task ALTER COLUMN id DROP IDENTITY",
        "CREATE SEQUENCE task_number OWNED BY task.id",
        "ALTER TABLE task ALTER COLUMN id SET DEFAULT nextval('task_number')",
    ] {
        run(&connection, statement).await;
    }
    testing::seed(&connection, 2, &[]).await;
    partition(&connection).await.unwrap();
    testing::seed(&connection, 1, &[]).await;
    assert_eq!(texts(&connection, "SELECT max(id)::text AS text FROM task").await, ["3"]);
    let sequence = "SELECT pg_get_serial_sequence('task', 'id') AS text";
    assert_eq!(texts(&connection, sequence).await, ["public.task_number"]);
}

#[tokio::test]
async fn the_command_announces_its_steps_and_changes_nothing_without_a_confirmation() {
    let Some((database, connection)) = whole().await else { return };
    testing::seed(&connection, 3, &[]).await;
    let before = texts(&connection, PROPERTIES).await;
    let (done, output) = migration(&["distribute", "--partitions", "--shards", "2"], &database);
    assert!(!done);
    assert_eq!(
        output,
        "migration: this compares user_id of task by its bytes (COLLATE \"C\"), makes (user_id, id) the primary key of task, \
         adds the index task_id on task (id), partitions task_owner, task, task_change, task_request, task_reminder into 2 \
         partitions by user_id, which locks these tables and copies 1 row of the table task_owner, 3 rows of the table task, \
         0 rows of the table task_change, 0 rows of the table task_request, 0 rows of the table task_reminder: stop all servers, and repeat it with --yes\n"
    );
    assert_eq!(texts(&connection, PROPERTIES).await, before);
    assert_eq!(layout(&connection).await.unwrap(), Layout::Whole);
}

#[tokio::test]
async fn migrations_work_on_tables_that_are_split_and_new_tables_are_split_too() {
    let Some((database, connection)) = whole().await else { return };
    let run = |arguments: &[&str]| {
        let (done, output) = migration(arguments, &database);
        assert!(done, "{output}");
        output
    };
    let distribute = ["distribute", "--partitions", "--shards", "2", "--yes"];
    let partitioned = "partitioned by user_id: 2 partitions\n";
    assert!(!run(&["status"]).contains("partition"));
    let tables = "task_owner, task, task_change, task_request, task_reminder";
    assert_eq!(run(&distribute), format!("partitioned {tables}\n{partitioned}"));
    assert!(run(&["status"]).ends_with(&format!("\n{partitioned}")));
    assert_eq!(run(&distribute), format!("nothing to do: {partitioned}"));
    assert_eq!(run(&["distribute", "--partitions"]), format!("nothing to do: {partitioned}"), "without --yes too");
    assert_eq!(run(&["up"]), "nothing to do: all migrations are applied\n");

    testing::seed(&connection, 2000, &[("user_id", "'user ' || (n % 9)"), ("title", "'Crème ' || n")]).await;
    let images = "SELECT concat_ws('|', id, user_id, title) AS text FROM task ORDER BY id";
    let before = texts(&connection, images).await;
    for count in ["1", "2", "3"] {
        run(&["down", "-n", count, "--yes"]);
        assert!(run(&["status"]).ends_with(&format!("\n{partitioned}")));
        run(&["up"]);
        assert!(run(&["status"]).ends_with(&format!("\n{partitioned}")), "the tables that were made again are split");
        assert_eq!(texts(&connection, images).await, before);
    }
    assert_eq!(texts(&connection, "SELECT title_folded AS text FROM task WHERE id = 1").await, ["creme 1"]);

    // A table that lost its partitions by hand.
    connection.execute_unprepared("DROP TABLE task_request").await.unwrap();
    connection
        .execute_unprepared("CREATE TABLE task_request (user_id text, key text, PRIMARY KEY (key, user_id))")
        .await
        .unwrap();
    assert!(run(&["status"]).ends_with("\npartitioned by user_id: 2 partitions; not: task_request\n"));
    assert_eq!(run(&distribute), format!("partitioned task_request\n{partitioned}"));

    assert!(run(&["fresh", "--yes"]).starts_with("dropped all tables\napplied "));
    assert!(!run(&["status"]).contains("partition"), "the new tables are whole");
    run(&distribute);
    run(&["reset", "--yes"]);
    assert_eq!(
        texts(&connection, "SELECT relname::text AS text FROM pg_class WHERE relname LIKE 'task%'").await,
        [""; 0]
    );
}

#[tokio::test]
async fn partitions_of_the_tables_are_not_taken_for_foreign_tables_and_views_are() {
    let Some(database) = TestDatabase::partitioned().await else { return };
    let connection = database.connect().await;
    assert!(migration::holds_only_ours(&connection).await.unwrap());
    run(&connection, "CREATE VIEW done AS SELECT id FROM task WHERE completed").await;
    assert!(!migration::holds_only_ours(&connection).await.unwrap());
}

#[on_both_databases]
async fn distributing_is_refused_without_citus(database: TestDatabase) {
    let reason = match database.connect().await.get_database_backend() {
        DbBackend::Sqlite => "SQLite cannot distribute tables",
        _ => "this database does not have the extension citus",
    };
    for arguments in [&["distribute"][..], &["distribute", "--yes"]] {
        let (done, output) = migration(arguments, &database);
        assert!(!done && output.contains(reason) && output.lines().count() == 1, "{output}");
    }
    let (done, output) = migration(&["distribute", "--shards", "0"], &database);
    assert!(!done && output.contains("--shards"), "{output}");
}

#[tokio::test]
async fn splitting_is_refused_with_pending_migrations_foreign_keys_and_unique_indexes_without_the_owner() {
    let Some((database, connection)) = whole().await else { return };
    let refused = |reason: &str| {
        let (done, output) = migration(&["distribute", "--partitions", "--yes"], &database);
        assert!(!done && output.contains(reason) && output.lines().count() == 1, "{output}");
    };
    run(&connection, "CREATE UNIQUE INDEX one_title ON task (title) INCLUDE (user_id)").await;
    refused("the unique index one_title of the table task does not contain user_id");
    run(&connection, "DROP INDEX one_title").await;
    run(&connection, "CREATE TABLE person (name text COLLATE \"C\" PRIMARY KEY REFERENCES task_owner)").await;
    refused("the table task_owner has the foreign key person_name_fkey");
    assert_eq!(layout(&connection).await.unwrap(), Layout::Whole);
    run(&connection, "DROP TABLE person").await;
    change_schema(&connection, SchemaChange::Down(1), true).await.unwrap();
    refused("1 pending migration: apply them first");
}
