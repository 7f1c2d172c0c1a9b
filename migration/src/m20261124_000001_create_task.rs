use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

use crate::by_hand::Loss;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

pub(crate) const LOSSES: &[Loss] = &[Loss::Table("task")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_table("task").await? {
            adopt(manager).await?;
        } else {
            create(manager).await?;
        }
        // A backward scan gives an owner's tasks, newest first, without a sort, with and without a status. The index has neither `completed`
        // nor `updated_at`, so completing a task changes no index (a HOT update on PostgreSQL).
        manager
            .create_index(
                Index::create()
                    .name("task_user_id_created_at_id")
                    .table(Task::Table)
                    .col(Task::UserId)
                    .col(Task::CreatedAt)
                    .col(Task::Id)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if is_adopted(manager).await? {
            return Err(DbErr::Migration(
                "the table `task` was there before this program and is not dropped by it: drop it by hand if that is meant"
                    .to_owned(),
            ));
        }
        manager.drop_table(Table::drop().table(Task::Table).to_owned()).await
    }
}

async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Task::Table)
                // SQLite: AUTOINCREMENT, PostgreSQL: a sequence. Neither uses an id twice.
                .col(ColumnDef::new(Task::Id).big_integer().not_null().auto_increment().primary_key())
                .col(ColumnDef::new(Task::UserId).text().not_null())
                .col(ColumnDef::new(Task::Title).text().not_null())
                .col(ColumnDef::new(Task::Description).text())
                .col(ColumnDef::new(Task::Completed).boolean().not_null())
                .col(ColumnDef::new(Task::CreatedAt).timestamp_with_time_zone().not_null())
                .col(ColumnDef::new(Task::UpdatedAt).timestamp_with_time_zone().not_null())
                .to_owned(),
        )
        .await
}

/// The comment that marks, in the database itself, a table that is older than this program.
const ADOPTED: &str = "adopted: made by another program before the first migration";

/// Changes a table of the FastAPI and SQLModel version of this service in place and keeps all rows. That version has 32-bit ids, varchar
/// columns, and times without a zone, which are in UTC.
async fn adopt(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    if db.get_database_backend() != DbBackend::Postgres {
        return Err(DbErr::Migration(
            "there is a table `task` already that this program did not make: it is only taken over on PostgreSQL"
                .to_owned(),
        ));
    }
    db.execute_unprepared(&format!(
        "ALTER TABLE task
            ALTER COLUMN id TYPE bigint,
            ALTER COLUMN user_id TYPE text,
            ALTER COLUMN title TYPE text,
            ALTER COLUMN description TYPE text,
            ALTER COLUMN completed DROP DEFAULT,
            ALTER COLUMN created_at DROP DEFAULT,
            ALTER COLUMN updated_at DROP DEFAULT,
            ALTER COLUMN created_at TYPE timestamp with time zone USING created_at AT TIME ZONE 'UTC',
            ALTER COLUMN updated_at TYPE timestamp with time zone USING updated_at AT TIME ZONE 'UTC';
        UPDATE task
            SET completed = COALESCE(completed, false),
                created_at = COALESCE(created_at, updated_at, now()),
                updated_at = COALESCE(updated_at, created_at, now())
            WHERE completed IS NULL OR created_at IS NULL OR updated_at IS NULL;
        ALTER TABLE task
            ALTER COLUMN user_id SET NOT NULL,
            ALTER COLUMN title SET NOT NULL,
            ALTER COLUMN description DROP NOT NULL,
            ALTER COLUMN completed SET NOT NULL,
            ALTER COLUMN created_at SET NOT NULL,
            ALTER COLUMN updated_at SET NOT NULL;
        COMMENT ON TABLE task IS '{ADOPTED}';
        DO $$ BEGIN
            EXECUTE 'ALTER SEQUENCE ' || pg_get_serial_sequence('task', 'id') || ' AS bigint';
        END $$;"
    ))
    .await
    .map(drop)
}

pub(crate) async fn is_adopted(manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
    let db = manager.get_connection();
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(false);
    }
    let query = "SELECT obj_description('task'::regclass, 'pg_class') IS NOT DISTINCT FROM $1 AS adopted";
    let row = db.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, query, [ADOPTED.into()])).await?;
    row.map_or(Ok(false), |row| row.try_get("", "adopted"))
}

/// The table; its name is the one that SQLModel chooses.
#[derive(DeriveIden)]
enum Task {
    Table,
    Id,
    UserId,
    Title,
    Description,
    Completed,
    CreatedAt,
    UpdatedAt,
}
