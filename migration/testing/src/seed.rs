//! Many rows at once, for tests and measurements.

use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};

/// The columns of each row that the caller does not set.
const DEFAULTS: [(&str, &str); 5] = [
    ("user_id", "'alice'"),
    ("title", "'t ' || n"),
    ("completed", "false"),
    ("created_at", "'2026-01-01T00:00:00+00:00'"),
    ("updated_at", "'2026-01-01T00:00:00+00:00'"),
];

/// Inserts `rows` tasks with one statement, and gives their owners their rows.
///
/// `columns` are names with SQL expressions, over `n`, the number of the row from 1. They replace or complete the defaults:
/// tasks of `alice`, titled `t 1`, `t 2`, …, not completed, created and updated at the begin of 2026. On PostgreSQL the
/// expressions for `created_at`, `updated_at` and `completed_at` are cast to `timestamptz`, so that a text literal works on
/// both databases.
///
/// A derived column such as `title_folded` gets the schema's default unless it is set here.
pub async fn seed(connection: &DatabaseConnection, rows: u32, columns: &[(&str, &str)]) {
    let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
    let is_default = |(name, _): &&(&str, &str)| columns.iter().all(|(set, _)| set != name);
    let (names, values): (Vec<&str>, Vec<String>) = DEFAULTS
        .iter()
        .filter(is_default)
        .chain(columns)
        .map(|(name, value)| {
            let is_time = ["created_at", "updated_at", "completed_at"].contains(name);
            (*name, if is_postgres && is_time { format!("CAST({value} AS timestamptz)") } else { (*value).to_owned() })
        })
        .unzip();
    let statement = format!(
        "INSERT INTO task ({}) \
         WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {rows}) \
         SELECT {} FROM number",
        names.join(", "),
        values.join(", ")
    );
    if let Err(error) = connection.execute_unprepared(&statement).await {
        panic!("{error}: {statement}");
    }
    seed_owners(connection).await;
}

/// Gives each owner of tasks a row with the number of their tasks, if the schema has such rows.
async fn seed_owners(connection: &DatabaseConnection) {
    if SchemaManager::new(connection).has_table("task_owner").await.expect("the schema can be read") {
        let owners = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) \
            SELECT user_id, 1, 1, count(*) FROM task WHERE true GROUP BY user_id \
            ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks";
        connection.execute_unprepared(owners).await.expect("owners");
    }
}

/// Has the database count the rows of its tables, so that it plans for as many as there are.
///
/// PostgreSQL looks at every row of up to 120,000. From a smaller sample it sometimes estimates half as many users, and chooses
/// another plan.
pub async fn analyze(connection: &DatabaseConnection) {
    if connection.get_database_backend() == DbBackend::Postgres {
        let every_row = "SET default_statistics_target = 400";
        connection.execute_unprepared(every_row).await.expect("SET default_statistics_target");
    }
    for table in ["task", "task_owner", "task_change"] {
        connection.execute_unprepared(&format!("ANALYZE {table}")).await.expect("ANALYZE");
    }
}
