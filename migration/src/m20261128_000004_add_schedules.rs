use sea_orm_migration::prelude::*;

use crate::by_hand::Loss;
use crate::m20261127_000003_add_clocks::bytewise_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The images in the other tables go with the columns of the tasks.
pub(crate) const LOSSES: &[Loss] =
    &[Loss::Columns("task", &["series_id", "occurrence", "schedule"]), Loss::Table("task_reminder")];

/// The columns of a task that recurs or has reminders. All are null for a plain task. They are kept in images of tasks, too.
const COLUMNS: [(&str, &str); 3] = [
    // The number of the write with which the series began.
    ("series_id", "bigint"),
    // The local day or wall time that the task stands for in its series. Its order is that of its bytes.
    ("occurrence", "BYTEWISE"),
    // The rule and the reminders, as a JSON object.
    ("schedule", "text"),
];

const TABLES_WITH_IMAGES: [&str; 3] = ["task", "task_change", "task_request"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let bytewise = bytewise_text(db.get_database_backend());
        for table in TABLES_WITH_IMAGES {
            for (name, kind) in COLUMNS {
                let kind = kind.replace("BYTEWISE", bytewise);
                db.execute_unprepared(&format!("ALTER TABLE {table} ADD COLUMN {name} {kind}")).await?;
            }
        }
        // A second task for one occurrence is impossible, whatever is retried. Plain tasks are not in the index.
        db.execute_unprepared(
            "CREATE UNIQUE INDEX task_series ON task (user_id, series_id, occurrence) WHERE series_id IS NOT NULL",
        )
        .await?;
        // The reminder of a change of the kind "reminded", as a JSON object. Such a change has no image.
        db.execute_unprepared("ALTER TABLE task_change ADD COLUMN reminder text").await?;
        db.execute_unprepared(&format!(
            "CREATE TABLE task_reminder (
                user_id {bytewise} NOT NULL, task_id bigint NOT NULL, n smallint NOT NULL, at bigint NOT NULL, fired_at bigint,
                PRIMARY KEY (user_id, task_id, n))"
        ))
        .await?;
        // Finds the reminders that are due, of all owners, and goes on behind any of them. The key makes the order total.
        db.execute_unprepared(
            "CREATE INDEX task_reminder_due ON task_reminder (at, user_id, task_id, n) WHERE fired_at IS NULL",
        )
        .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP TABLE task_reminder").await?;
        db.execute_unprepared("DROP INDEX task_series").await?;
        db.execute_unprepared("ALTER TABLE task_change DROP COLUMN reminder").await?;
        for table in TABLES_WITH_IMAGES {
            for (name, _) in COLUMNS {
                db.execute_unprepared(&format!("ALTER TABLE {table} DROP COLUMN {name}")).await?;
            }
        }
        Ok(())
    }
}
