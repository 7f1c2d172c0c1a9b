use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::by_hand::Loss;
use crate::m20261124_000002_add_task_lists::{ServerKey, create_server_key};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The table that this migration drops is not counted, because undoing the migration makes it again.
pub(crate) const LOSSES: &[Loss] =
    &[Loss::Table("task_owner"), Loss::Table("task_change"), Loss::Table("task_request")];

/// The task before or after a change. A column that is added to tasks is added here too.
const IMAGE: [(&str, &str); 9] = [
    ("title", "text"),
    ("description", "text"),
    ("completed", "boolean"),
    ("created_at", "TIME"),
    ("updated_at", "TIME"),
    ("completed_at", "TIME"),
    ("priority", "smallint"),
    ("tags", "text"),
    ("due_date", "text"),
];

/// The kind of a change that deleted its task.
const DELETED: i16 = 3;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let backend = db.get_database_backend();
        manager.drop_table(Table::drop().table(ServerKey::Table).to_owned()).await?;
        let owner = bytewise_text(backend);
        db.execute_unprepared(&owners(backend)).await?;
        let image = IMAGE.map(|(name, kind)| format!("{name} {kind}")).join(", ").replace("TIME", time(backend));
        db.execute_unprepared(&format!(
            "CREATE TABLE task_change (
                user_id {owner} NOT NULL, at bigint NOT NULL, task_id bigint NOT NULL, kind smallint NOT NULL, actor text,
                {image}, PRIMARY KEY (user_id, at))"
        ))
        .await?;
        // Only deleted tasks are looked up by anything but the number of their change. A toggle then writes one index.
        // The first index has the number, so that the last deletion of a task is found at once, however often it was restored.
        for (name, columns) in
            [("task_change_deleted_task_id", "user_id, task_id, at"), ("task_change_deleted_at", "user_id, at")]
        {
            let index = format!("CREATE INDEX {name} ON task_change ({columns}) WHERE kind = {DELETED}");
            db.execute_unprepared(&index).await?;
        }
        db.execute_unprepared(&format!(
            "CREATE TABLE task_request (
                user_id {owner} NOT NULL, key text NOT NULL, at bigint NOT NULL, fingerprint text NOT NULL, count bigint,
                task_id bigint, {image}, PRIMARY KEY (user_id, key))"
        ))
        .await?;
        db.execute_unprepared(first_clocks(backend)).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for table in ["task_request", "task_change", "task_owner"] {
            db.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        create_server_key(manager).await
    }
}

/// Every write changes a row of this table. Half of each page stays free on PostgreSQL, so that the new version of a row finds
/// room beside the old one and no index changes (a HOT update).
fn owners(backend: DbBackend) -> String {
    let owner = bytewise_text(backend);
    let with = if backend == DbBackend::Postgres { " WITH (fillfactor = 50)" } else { "" };
    format!(
        "CREATE TABLE task_owner (user_id {owner} NOT NULL PRIMARY KEY, clock bigint NOT NULL, \"begin\" bigint NOT NULL,
            tasks bigint NOT NULL){with}"
    )
}

/// Gives each owner of tasks a clock that is not behind any of their tasks.
fn first_clocks(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "INSERT INTO task_owner (user_id, clock, \"begin\", tasks)
            SELECT user_id, clock, clock, tasks FROM (
                SELECT user_id, (extract(epoch FROM GREATEST(now(), max(updated_at))) * 1000000)::bigint AS clock, count(*) AS tasks
                FROM task GROUP BY user_id
            ) AS owner"
        }
        // SQLite computes in seconds here. The next second is later than every time in this one.
        _ => {
            "INSERT INTO task_owner (user_id, clock, \"begin\", tasks)
            SELECT user_id, clock, clock, tasks FROM (
                SELECT user_id, (unixepoch(max(updated_at, strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now'))) + 1) * 1000000 AS clock, tasks FROM (
                    SELECT user_id, max(updated_at) AS updated_at, count(*) AS tasks FROM task GROUP BY user_id
                )
            )"
        }
    }
}

/// A text that is compared by its bytes. That is the order in which owners are locked, and it takes a fraction of the time of the
/// database's own order.
pub(crate) fn bytewise_text(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "text COLLATE \"C\"",
        _ => "text",
    }
}

fn time(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "timestamp with time zone",
        _ => "timestamp_with_timezone_text",
    }
}
