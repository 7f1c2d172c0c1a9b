//! Splits the tables that have a `user_id` by owner: with Citus over several nodes, or with partitions of one PostgreSQL.
//!
//! The other tables stay as they are. `seaql_migrations` stays a table of the coordinator that Citus does not know: only the
//! coordinator is asked, so migrations read and write it as before. As a table of Citus it would need the coordinator in the list
//! of nodes, and every migration would depend on Citus even for its own record.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend};

use crate::by_hand::rows_of;
use crate::layout::{Split, Tables, counted, describe_layout, rows};
use crate::{Migrator, MigratorTrait, SchemaChange, SchemaOutcome, begin, partition};

/// What splits the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Citus, in shards.
    Citus,
    /// PostgreSQL itself, in partitions.
    Partitions,
}

impl Method {
    /// Returns the method of a change that splits tables, and the number of parts.
    pub(crate) fn of(change: SchemaChange) -> Option<(Self, u32)> {
        match change {
            SchemaChange::Distribute(shards) => Some((Self::Citus, shards)),
            SchemaChange::Partition(parts) => Some((Self::Partitions, parts)),
            _ => None,
        }
    }
}

/// Describes the change for the operator, and makes none of it.
///
/// # Errors
/// A sentence that states why the tables cannot be split, or the database's error.
pub(crate) async fn announce(db: &DatabaseConnection, method: Method, parts: u32) -> Result<SchemaOutcome, DbErr> {
    refuse_sqlite(db)?;
    // It is rolled back.
    let transaction = begin(db).await?;
    let tables = check(&transaction, method).await?;
    let whole = tables.whole();
    if whole.is_empty() {
        return nothing_to_do(&transaction).await.map(SchemaOutcome::Done);
    }
    let mut steps = Vec::new();
    for table in &whole {
        if !is_bytewise(&transaction, table).await? {
            steps.push(format!("compares user_id of {table} by its bytes (COLLATE \"C\")"));
        }
        if let Some(key) = Key::read(&transaction, table).await?.filter(Key::must_change) {
            steps.push(format!("makes ({}) the primary key of {table}", key.with_owner().join(", ")));
            steps.push(format!("adds the index {} on {table} ({})", key.index(), key.columns.join(", ")));
        }
    }
    let names: Vec<String> = whole.iter().map(|name| (*name).to_owned()).collect();
    let moved = rows_of(&transaction, &names).await?;
    let parts = match (tables.split(), method) {
        (Some((first, _)), _) => format!("as {first} is"),
        (None, Method::Citus) => format!("over {} by user_id", counted(parts, "shard")),
        (None, Method::Partitions) => format!("into {} by user_id", counted(parts, "partition")),
    };
    let verb = if method == Method::Citus { "distributes" } else { "partitions" };
    steps.push(format!("{verb} {} {parts}", names.join(", ")));
    Ok(SchemaOutcome::Unconfirmed(format!(
        "this {}, which locks these tables and copies {moved}: stop all servers, and repeat it with --yes",
        steps.join(", ")
    )))
}

/// Splits every table of the list that is not split yet, in one transaction. Returns a report for the operator.
///
/// # Errors
/// A sentence that states why the tables cannot be split, or the database's error. The schema is then unchanged.
pub(crate) async fn split_tables(db: &DatabaseConnection, method: Method, parts: u32) -> Result<String, DbErr> {
    refuse_sqlite(db)?;
    let transaction = begin(db).await?;
    let tables = check(&transaction, method).await?;
    let whole = tables.whole();
    if whole.is_empty() {
        return nothing_to_do(&transaction).await;
    }
    split(&transaction, method, parts, &tables).await?;
    let layout = describe_layout(&transaction).await?.unwrap_or_default();
    transaction.commit().await?;
    let verb = if method == Method::Citus { "distributed" } else { "partitioned" };
    Ok(format!("{verb} {}\n{layout}", whole.join(", ")))
}

/// Splits the tables that a migration has added to tables that are split. Does nothing if no table is split.
///
/// # Errors
/// The database's error.
pub(crate) async fn split_new_tables(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let tables = Tables::read(transaction).await?;
    match tables.split() {
        Some((_, Split::Distributed(_))) => split(transaction, Method::Citus, 0, &tables).await,
        Some((_, Split::Partitioned(_))) => split(transaction, Method::Partitions, 0, &tables).await,
        Some((_, Split::Whole)) | None => Ok(()),
    }
}

/// Splits the tables that are whole. If a table is split already, the others get its shards or its number of partitions, and
/// `parts` is not used.
async fn split(transaction: &DatabaseTransaction, method: Method, parts: u32, tables: &Tables) -> Result<(), DbErr> {
    let whole = tables.whole();
    let mut first = tables.split().map(|(name, _)| name);
    let parts = match tables.split() {
        Some((_, Split::Partitioned(parts))) => parts,
        _ => i64::from(parts),
    };
    for table in &whole {
        // A row that is written after the copy of its table would be lost.
        transaction.execute_unprepared(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await?;
    }
    for table in whole {
        refuse_unique_indexes_without_owner(transaction, table).await?;
        if !is_bytewise(transaction, table).await? {
            // The rows stay as they are, and the indexes are built again.
            let change = format!("ALTER TABLE {table} ALTER COLUMN user_id TYPE text COLLATE \"C\"");
            transaction.execute_unprepared(&change).await?;
        }
        if let Some(key) = Key::read(transaction, table).await?.filter(Key::must_change) {
            key.change(transaction).await?;
        }
        match method {
            Method::Partitions => partition::split(transaction, table, parts).await?,
            Method::Citus => {
                // Tables of other programs are not in the same group, so that moving its shards does not move theirs.
                let place = match first {
                    None => format!("shard_count := {parts}, colocate_with := 'none'"),
                    Some(first) => format!("colocate_with := '{first}'"),
                };
                let distribute = format!("SELECT create_distributed_table('{table}', 'user_id', {place})");
                transaction.execute_unprepared(&distribute).await?;
                // The rows are copied to the shards. The originals would stay in the table, hidden.
                let truncate = format!("SELECT truncate_local_data_after_distributing_table('{table}')");
                transaction.execute_unprepared(&truncate).await?;
            }
        }
        first = first.or(Some(table));
    }
    Ok(())
}

fn refuse(text: impl Into<String>) -> DbErr {
    DbErr::Migration(text.into())
}

fn refuse_sqlite(db: &DatabaseConnection) -> Result<(), DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => Ok(()),
        _ => Err(refuse("SQLite cannot distribute tables: that needs PostgreSQL with the extension citus")),
    }
}

/// Refuses a database whose tables cannot be split, and returns their layout.
async fn check(transaction: &DatabaseTransaction, method: Method) -> Result<Tables, DbErr> {
    let tables = Tables::read(transaction).await?;
    if method == Method::Citus && !tables.has_citus {
        return Err(refuse(
            "this database does not have the extension citus: install it on the server, and run CREATE EXTENSION citus",
        ));
    }
    let pending = Migrator::get_pending_migrations(transaction).await?.len();
    if pending > 0 {
        let pending = counted(pending, "pending migration");
        return Err(refuse(format!("{pending}: apply them first, with the command `up`")));
    }
    match (method, tables.split()) {
        (Method::Citus, Some((table, Split::Partitioned(_)))) => {
            Err(refuse(format!("the table {table} is partitioned, and only a whole table can be distributed")))
        }
        (Method::Partitions, Some((table, Split::Distributed(_)))) => {
            Err(refuse(format!("the table {table} is distributed, and only a whole table can be partitioned")))
        }
        _ => Ok(tables),
    }
}

async fn nothing_to_do(transaction: &DatabaseTransaction) -> Result<String, DbErr> {
    let layout = describe_layout(transaction).await?.unwrap_or_default();
    Ok(format!("nothing to do: {layout}"))
}

/// Refuses a unique index that does not contain the owner. Neither Citus nor PostgreSQL can enforce it on a table that is split.
async fn refuse_unique_indexes_without_owner(transaction: &DatabaseTransaction, table: &str) -> Result<(), DbErr> {
    let query = format!(
        "SELECT relname::text AS name FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
         WHERE indrelid = to_regclass('{table}') AND (indisunique OR indisexclusion) AND NOT indisprimary AND NOT EXISTS (
            SELECT FROM unnest(indkey::int2[]) WITH ORDINALITY AS key(number, place)
            JOIN pg_attribute ON attrelid = indrelid AND attnum = key.number
            WHERE attname = 'user_id' AND place <= indnkeyatts)
         ORDER BY relname"
    );
    match rows(transaction, &query).await?.first() {
        None => Ok(()),
        Some(row) => {
            let name: String = row.try_get("", "name")?;
            Err(refuse(format!(
                "the unique index {name} of the table {table} does not contain user_id: drop it first, a table that is \
                 split by user_id cannot have it"
            )))
        }
    }
}

/// Whether the table compares owners by their bytes. Citus puts only tables into one group whose owners have one collation.
async fn is_bytewise(db: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    let query = format!(
        "SELECT collname FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
         WHERE attrelid = to_regclass('{table}') AND attname = 'user_id' AND collname = 'C'"
    );
    Ok(!rows(db, &query).await?.is_empty())
}

/// The primary key of a table.
struct Key {
    table: &'static str,
    constraint: String,
    /// The columns, quoted if they must be.
    columns: Vec<String>,
}

impl Key {
    async fn read(db: &impl ConnectionTrait, table: &'static str) -> Result<Option<Self>, DbErr> {
        let query = format!(
            "SELECT quote_ident(conname) AS name, quote_ident(attname) AS part
             FROM pg_constraint CROSS JOIN unnest(conkey) WITH ORDINALITY AS key(number, place)
             JOIN pg_attribute ON attrelid = conrelid AND attnum = key.number
             WHERE conrelid = to_regclass('{table}') AND contype = 'p' ORDER BY place"
        );
        let rows = rows(db, &query).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let columns = rows.iter().map(|row| row.try_get("", "part")).collect::<Result<_, _>>()?;
        Ok(Some(Self { table, constraint: first.try_get("", "name")?, columns }))
    }

    /// Whether the owner is not the first column.
    fn must_change(&self) -> bool {
        self.columns.first().is_none_or(|column| column != "user_id")
    }

    /// Returns the columns with the owner first.
    fn with_owner(&self) -> Vec<&str> {
        let others = self.columns.iter().map(String::as_str).filter(|column| *column != "user_id");
        std::iter::once("user_id").chain(others).collect()
    }

    /// Returns the name of the index on the columns of the old key. Searches by these alone would otherwise read whole tables.
    fn index(&self) -> String {
        format!("{}_{}", self.table, self.columns.join("_").replace('"', ""))
    }

    async fn change(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        let Self { table, constraint, columns } = self;
        for statement in [
            format!("ALTER TABLE {table} DROP CONSTRAINT {constraint}"),
            format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} PRIMARY KEY ({})", self.with_owner().join(", ")),
            format!("CREATE INDEX IF NOT EXISTS \"{}\" ON {table} ({})", self.index(), columns.join(", ")),
        ] {
            transaction.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use testing::{DbBackend, Statement, TestDatabase, on_both_databases};

    use super::*;
    use crate::DISTRIBUTED;

    #[on_both_databases]
    async fn every_table_with_a_user_id_is_in_the_list(database: TestDatabase) {
        let connection = database.connect().await;
        let query = match connection.get_database_backend() {
            DbBackend::Sqlite => {
                "SELECT sqlite_master.name FROM sqlite_master JOIN pragma_table_info(sqlite_master.name) AS part \
                 WHERE sqlite_master.type = 'table' AND part.name = 'user_id' ORDER BY 1"
            }
            _ => {
                "SELECT relname::text AS name FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid \
                 WHERE attname = 'user_id' AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
            }
        };
        let query = Statement::from_string(connection.get_database_backend(), query);
        let found = connection.query_all_raw(query).await.unwrap();
        let found: Vec<String> = found.iter().map(|row| row.try_get("", "name").unwrap()).collect();
        let mut listed = DISTRIBUTED;
        listed.sort_unstable();
        assert_eq!(found, listed, "the tables with a user_id, and DISTRIBUTED");
    }
}
