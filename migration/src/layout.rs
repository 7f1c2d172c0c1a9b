//! The layout of the tables in the database: whole, or split by owner.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement};

/// How the database stores the tables that have a `user_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each table is one table.
    Whole,
    /// Each table is split by the hash of `user_id`: distributed by Citus, or partitioned.
    ByOwner,
}

/// Returns the layout of the table `task`. A database without that table has the layout [`Layout::Whole`].
///
/// This is one question to the catalog, two on Citus, and none on SQLite.
///
/// # Errors
/// The database's error.
pub async fn layout(db: &impl ConnectionTrait) -> Result<Layout, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Layout::Whole);
    }
    let is_partitioned = "COALESCE((SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('task')), false)";
    let query = format!(
        "SELECT {is_partitioned} AS is_split, to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS has_citus"
    );
    let (mut is_split, has_citus) = match db.query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await? {
        Some(row) => (row.try_get::<bool>("", "is_split")?, row.try_get::<bool>("", "has_citus")?),
        None => (false, false),
    };
    if has_citus && !is_split {
        // Citus also lists its reference and local tables here. Only those distributed by hash have a column.
        let query = "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('task') \
                     AND partmethod = 'h') AS is_split";
        let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, query)).await?;
        is_split = row.map_or(Ok(false), |row| row.try_get("", "is_split"))?;
    }
    Ok(if is_split { Layout::ByOwner } else { Layout::Whole })
}
