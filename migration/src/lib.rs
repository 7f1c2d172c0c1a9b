//! The schema of the task database, and the only place that changes it.
//!
//! The server applies pending migrations at its start ([`apply_pending`]). `cargo run -p migration` does the same by hand (`up`,
//! `down`, `status`, `fresh`, `distribute`, …).
#![expect(clippy::disallowed_methods, reason = "a migration is SQL of its own")]

use sea_orm_migration::MigrationStatus;
pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

mod address;
mod by_hand;
mod distribute;
mod env_file;
mod fold;
mod layout;
mod m20261124_000001_create_task;
mod m20261124_000002_add_task_lists;
mod m20261127_000003_add_clocks;
mod m20261128_000004_add_schedules;
mod partition;
mod private;

pub use address::{Address, STATEMENT_CACHE, Tls, is_in_memory};
pub use by_hand::{SchemaChange, SchemaOutcome, change_schema};
pub use env_file::EnvFile;
pub use fold::{fold, fold_case};
pub use layout::{DISTRIBUTED, Layout, layout};
pub use private::create_private_folder;

/// The default database: an SQLite file below the working directory.
pub const DEFAULT_DATABASE_URL: &str = "sqlite://data/tasks.db";

/// The list of migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_create_task::Migration),
            Box::new(m20261124_000002_add_task_lists::Migration),
            Box::new(m20261127_000003_add_clocks::Migration),
            Box::new(m20261128_000004_add_schedules::Migration),
        ]
    }
}

/// What undoing each migration deletes, oldest first.
const LOSSES: &[(&str, &[by_hand::Loss])] = &[
    ("m20261124_000001_create_task", m20261124_000001_create_task::LOSSES),
    ("m20261124_000002_add_task_lists", m20261124_000002_add_task_lists::LOSSES),
    ("m20261127_000003_add_clocks", m20261127_000003_add_clocks::LOSSES),
    ("m20261128_000004_add_schedules", m20261128_000004_add_schedules::LOSSES),
];

/// Returns the sentence of an error, without the name of its kind if it was made by this program.
#[must_use]
pub fn describe(error: &DbErr) -> String {
    match error {
        DbErr::Custom(text) | DbErr::Migration(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns the innermost cause of an error in one line. The outer ones only name the step that failed.
#[must_use]
pub fn innermost(error: &DbErr) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.last().map_or_else(|| describe(error), ToString::to_string).replace('\n', " ")
}

/// Refuses a PostgreSQL database whose encoding is not UTF8. It cannot store every text: it would answer some requests with an
/// error, or, with `SQL_ASCII`, count and fold bytes instead of characters.
///
/// # Errors
/// One sentence that states the remedy, or the database's error.
pub async fn refuse_other_encodings(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let query = Statement::from_string(DbBackend::Postgres, "SELECT current_setting('server_encoding') AS encoding");
    let row = db.query_one_raw(query).await?;
    match row.map(|row| row.try_get::<String>("", "encoding")).transpose()? {
        Some(encoding) if encoding != "UTF8" => Err(DbErr::Custom(format!(
            "the database has the encoding {encoding}, which cannot store every text: create one with              `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0` and use that"
        ))),
        _ => Ok(()),
    }
}

/// The key of the advisory lock of migrations. Any constant works.
const MIGRATION_LOCK: i64 = 0x7461_736b_5f6d_6967;

/// Applies all pending migrations, in one transaction.
///
/// Several processes may call this at the same time: one migrates, the others wait and then have nothing to do. The lock ends
/// with the transaction, so it also works through a connection pooler in transaction mode.
///
/// # Errors
/// The database's error. The schema is then unchanged.
pub async fn apply_pending(db: &DatabaseConnection) -> Result<(), DbErr> {
    apply(db, None).await.map(drop)
}

/// Applies the pending migrations like [`apply_pending`], at most `count` of them. Returns the names of those that it applied.
async fn apply(db: &DatabaseConnection, count: Option<u32>) -> Result<Vec<String>, DbErr> {
    let transaction = begin(db).await?;
    let applied = apply_in(&transaction, count).await?;
    transaction.commit().await?;
    Ok(applied)
}

async fn apply_in(transaction: &DatabaseTransaction, count: Option<u32>) -> Result<Vec<String>, DbErr> {
    let pending = Migrator::get_pending_migrations(transaction).await?;
    Migrator::up(transaction, count).await?;
    distribute::split_new_tables(transaction).await?;
    let count = count.map_or(usize::MAX, |count| count.try_into().unwrap_or(usize::MAX));
    Ok(pending.iter().take(count).map(|migration| migration.name().to_owned()).collect())
}

/// Begins a transaction that changes the schema. It holds the lock of migrations.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let transaction = db
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        })
        .await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_advisory_xact_lock($1)",
                [MIGRATION_LOCK.into()],
            ))
            .await?;
        // Citus sends a change to all shards of a node at once. It then refuses some later changes in the same transaction. One
        // after the other is allowed. Without Citus this selects nothing and sets nothing.
        let one_by_one = "SELECT set_config('citus.multi_shard_modify_mode', 'sequential', true) \
                          FROM pg_extension WHERE extname = 'citus'";
        transaction.execute_raw(Statement::from_string(DbBackend::Postgres, one_by_one)).await?;
    }
    Ok(transaction)
}

/// Returns the name of every migration, oldest first, and whether it is applied. Changes nothing.
///
/// # Errors
/// The database's error, or one that names a migration of a newer version of this program.
async fn status(db: &DatabaseConnection) -> Result<Vec<(String, bool)>, DbErr> {
    let migrations = Migrator::get_migration_with_status_read_only(db).await?;
    Ok(migrations
        .iter()
        .map(|migration| (migration.name().to_owned(), migration.status() == MigrationStatus::Applied))
        .collect())
}

/// Returns the same as lines for the operator. A last line describes tables that are distributed, or that could be.
///
/// # Errors
/// The database's error, or one that names a migration of a newer version of this program.
pub async fn status_report(db: &DatabaseConnection) -> Result<String, DbErr> {
    let line = |(name, applied): (String, bool)| format!("{} {name}", if applied { "applied" } else { "pending" });
    let mut lines: Vec<String> = status(db).await?.into_iter().map(line).collect();
    lines.extend(layout::describe_layout(db).await?);
    Ok(lines.join("\n"))
}

/// Every table that these migrations create, also those that a later one drops.
const TABLES: [&str; 7] =
    ["task", "task_owner", "task_change", "task_request", "task_reminder", "server_key", "seaql_migrations"];

/// Whether these migrations created every table of the database.
///
/// # Errors
/// The database's error.
pub async fn holds_only_ours(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let ours = |table: &String| TABLES.contains(&table.as_str());
    if !tables(db).await?.iter().all(ours) {
        return Ok(false);
    }
    let manager = SchemaManager::new(db);
    Ok(!manager.has_table("task").await? || !m20261124_000001_create_task::is_adopted(&manager).await?)
}

/// Lists the tables and views of the database.
async fn tables(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let backend = db.get_database_backend();
    let query = match backend {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        _ => {
            // Without the partitions of a table, and without the objects of an extension.
            "SELECT relname::text AS name FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) \
             AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition AND NOT EXISTS (SELECT FROM pg_depend \
             WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e') ORDER BY relname"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(backend, query)).await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}
