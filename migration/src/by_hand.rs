//! Changes of the schema by hand, for the commands `migration` and `api migrate`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::distribute::{self, Method};
use crate::layout::counted as count_of;
use crate::{Migrator, TABLES, apply, apply_in, begin, holds_only_ours, status, tables};

/// A change of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    /// Apply the pending migrations, or only this many of them.
    Up(Option<u32>),
    /// Undo this many of the migrations that are applied, the last one first.
    Down(u32),
    /// Undo all migrations.
    Reset,
    /// Undo all migrations, and apply them again.
    Refresh,
    /// Drop all tables, and apply all migrations.
    Fresh,
    /// Distribute the tables by owner, with Citus, in this many shards.
    Distribute(u32),
    /// Split the tables by owner as [`SchemaChange::Distribute`] does, but in this many partitions of PostgreSQL. The tests of
    /// this repository use it in place of Citus: both have the same rules for keys.
    Partition(u32),
}

/// The outcome of a [`SchemaChange`], as a sentence for the operator.
#[derive(Debug, PartialEq, Eq)]
pub enum SchemaOutcome {
    /// The change is made, or there was nothing to do.
    Done(String),
    /// Nothing was changed. The change deletes or moves data, and was not confirmed.
    Unconfirmed(String),
}

/// The data that undoing a migration deletes.
pub(crate) enum Loss {
    /// A table.
    Table(&'static str),
    /// Columns of a table.
    Columns(&'static str, &'static [&'static str]),
}

/// Makes a change. One that deletes or moves data is only made if `is_confirmed` is set.
///
/// # Errors
/// The database's error, that a table was not created by these migrations, or that this database cannot distribute tables.
pub async fn change_schema(
    db: &DatabaseConnection,
    change: SchemaChange,
    is_confirmed: bool,
) -> Result<SchemaOutcome, DbErr> {
    if let (Some((method, parts)), false) = (Method::of(change), is_confirmed) {
        return distribute::announce(db, method, parts).await;
    }
    let mut undone: Vec<String> =
        status(db).await?.into_iter().filter(|(_, applied)| *applied).map(|(name, _)| name).collect();
    undone.reverse();
    if let SchemaChange::Down(count) = change {
        undone.truncate(count.try_into().unwrap_or(usize::MAX));
    }
    let deletes = match change {
        SchemaChange::Up(_) | SchemaChange::Distribute(_) | SchemaChange::Partition(_) => None,
        SchemaChange::Down(_) | SchemaChange::Reset | SchemaChange::Refresh => {
            (!undone.is_empty()).then_some(format!("undoes {}", undone.join(", ")))
        }
        SchemaChange::Fresh if !holds_only_ours(db).await? => {
            return Err(DbErr::Migration(
                "this drops every table of the database, and some are not this program's: drop them by hand if that is \
                 meant"
                    .to_owned(),
            ));
        }
        SchemaChange::Fresh => (!tables(db).await?.is_empty()).then_some("drops all tables".to_owned()),
    };
    if let Some(deletes) = deletes.filter(|_| !is_confirmed) {
        let lost = match change {
            SchemaChange::Fresh => rows_of(db, &tables(db).await?).await?,
            _ => losses(db, &undone).await?,
        };
        return Ok(SchemaOutcome::Unconfirmed(format!("this {deletes}, and deletes {lost}: repeat it with --yes")));
    }
    make(db, change, &undone).await.map(SchemaOutcome::Done)
}

/// Makes a change that is confirmed. `undone` are the migrations that it undoes.
async fn make(db: &DatabaseConnection, change: SchemaChange, undone: &[String]) -> Result<String, DbErr> {
    let applied = |names: &[String]| match names {
        [] => "nothing to do: all migrations are applied".to_owned(),
        names => format!("applied {}", counted(names)),
    };
    match change {
        SchemaChange::Up(count) => Ok(applied(&apply(db, count).await?)),
        SchemaChange::Down(_) | SchemaChange::Reset if undone.is_empty() => {
            Ok("nothing to do: no migration is applied".to_owned())
        }
        SchemaChange::Down(_) | SchemaChange::Reset | SchemaChange::Refresh => {
            let transaction = begin(db).await?;
            match change {
                SchemaChange::Down(count) => Migrator::down(&transaction, Some(count)).await?,
                _ => Migrator::reset(&transaction).await?,
            }
            let mut report = format!("undone {}", counted(undone));
            if change == SchemaChange::Refresh {
                report = format!("{report}\n{}", applied(&apply_in(&transaction, None).await?));
            }
            transaction.commit().await?;
            Ok(report)
        }
        SchemaChange::Fresh => {
            // Not `Migrator::fresh`: it also tries to drop the types of the views of Citus, and fails.
            let transaction = begin(db).await?;
            for table in TABLES {
                transaction.execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
            }
            let report = format!("dropped all tables\n{}", applied(&apply_in(&transaction, None).await?));
            transaction.commit().await?;
            Ok(report)
        }
        SchemaChange::Distribute(shards) => distribute::split_tables(db, Method::Citus, shards).await,
        SchemaChange::Partition(parts) => distribute::split_tables(db, Method::Partitions, parts).await,
    }
}

/// Returns the number of migrations, and their names.
fn counted(names: &[String]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{} migration{plural}: {}", names.len(), names.join(", "))
}

/// Describes what undoing these migrations deletes.
async fn losses(db: &DatabaseConnection, undone: &[String]) -> Result<String, DbErr> {
    let losses: Vec<&Loss> = crate::LOSSES
        .iter()
        .filter(|(name, _)| undone.iter().any(|undone| undone == name))
        .flat_map(|(_, losses)| *losses)
        .collect();
    let dropped: Vec<String> = losses
        .iter()
        .filter_map(|loss| match loss {
            Loss::Table(table) => Some((*table).to_owned()),
            Loss::Columns(..) => None,
        })
        .collect();
    let mut parts = Vec::new();
    for loss in losses {
        match loss {
            // Its rows are deleted as a whole.
            Loss::Columns(table, _) if dropped.iter().any(|dropped| dropped == table) => {}
            Loss::Columns(table, columns) => {
                let rows = rows(db, table).await?;
                parts.push(format!("the columns {} in {rows} of the table {table}", columns.join(", ")));
            }
            Loss::Table(_) => {}
        }
    }
    if !dropped.is_empty() {
        parts.push(rows_of(db, &dropped).await?);
    }
    Ok(parts.join(", and "))
}

/// Describes all rows of these tables.
pub(crate) async fn rows_of(db: &impl ConnectionTrait, tables: &[String]) -> Result<String, DbErr> {
    let mut parts = Vec::with_capacity(tables.len());
    for table in tables {
        parts.push(format!("{} of the table {table}", rows(db, table).await?));
    }
    Ok(parts.join(", "))
}

/// Describes the number of rows of a table of this program. Its name needs no quotes.
async fn rows(db: &impl ConnectionTrait, table: &str) -> Result<String, DbErr> {
    let query = Statement::from_string(db.get_database_backend(), format!("SELECT count(*) AS count FROM {table}"));
    let row = db.query_one_raw(query).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get("", "count"))?;
    Ok(count_of(count, "row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_undoing_deletes_is_stated_for_every_migration() {
        let names: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        let stated: Vec<&str> = crate::LOSSES.iter().map(|(name, _)| *name).collect();
        assert_eq!(stated, names);
    }
}
