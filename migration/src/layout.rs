//! The layout of the tables in the database: whole, or split by owner.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

/// The tables that have a `user_id`, in the order in which they are split. The first one is the one that every write of an owner
/// locks first.
pub const DISTRIBUTED: [&str; 5] = ["task_owner", "task", "task_change", "task_request", "task_reminder"];

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

/// How one table is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// As one table.
    Whole,
    /// In this many partitions of PostgreSQL.
    Partitioned(i64),
    /// In this many shards of Citus.
    Distributed(i64),
}

/// How each table of [`DISTRIBUTED`] is stored.
pub(crate) struct Tables {
    pub(crate) has_citus: bool,
    /// The tables that exist, in the order of the list.
    pub(crate) splits: Vec<(&'static str, Split)>,
}

impl Tables {
    /// Reads the catalog of a PostgreSQL database.
    pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let has_citus = "SELECT extname::text AS name FROM pg_extension WHERE extname = 'citus'";
        let has_citus = !rows(db, has_citus).await?.is_empty();
        let listed = format!("unnest(ARRAY['{}']) AS listed(name)", DISTRIBUTED.join("', '"));
        let query = format!(
            "SELECT name, relkind = 'p' AS is_partitioned,
                (SELECT count(*) FROM pg_inherits WHERE inhparent = pg_class.oid) AS parts
             FROM {listed} JOIN pg_class ON pg_class.oid = to_regclass(name)"
        );
        let mut found = Vec::new();
        for row in rows(db, &query).await? {
            let split = if row.try_get("", "is_partitioned")? {
                Split::Partitioned(row.try_get("", "parts")?)
            } else {
                Split::Whole
            };
            found.push((row.try_get::<String>("", "name")?, split));
        }
        if has_citus {
            let query = format!(
                "SELECT name, (SELECT count(*) FROM pg_dist_shard AS shard
                    WHERE shard.logicalrelid = pg_dist_partition.logicalrelid) AS parts
                 FROM {listed} JOIN pg_dist_partition ON logicalrelid = to_regclass(name) WHERE partmethod = 'h'"
            );
            for row in rows(db, &query).await? {
                let name: String = row.try_get("", "name")?;
                let shards = row.try_get("", "parts")?;
                found.iter_mut().filter(|(found, _)| *found == name).for_each(|(_, split)| {
                    *split = Split::Distributed(shards);
                });
            }
        }
        let find = |table: &'static str| Some((table, found.iter().find(|(name, _)| name == table)?.1));
        Ok(Self { has_citus, splits: DISTRIBUTED.into_iter().filter_map(find).collect() })
    }

    /// Returns the names of the tables that are not split.
    pub(crate) fn whole(&self) -> Vec<&'static str> {
        self.splits.iter().filter(|(_, split)| *split == Split::Whole).map(|(name, _)| *name).collect()
    }

    /// Returns the first table that is split, and how.
    pub(crate) fn split(&self) -> Option<(&'static str, Split)> {
        self.splits.iter().copied().find(|(_, split)| *split != Split::Whole)
    }
}

/// Describes the layout for the operator. Returns `None` if there is nothing to describe: no table, or a database that cannot
/// distribute tables.
pub(crate) async fn describe_layout(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let tables = Tables::read(db).await?;
    let whole = tables.whole().join(", ");
    let split = match tables.split() {
        None => return Ok((tables.has_citus && !whole.is_empty()).then(|| format!("not distributed: {whole}"))),
        Some((_, Split::Distributed(shards))) => {
            let nodes = "SELECT nodeid FROM pg_dist_node WHERE noderole = 'primary' AND groupid IN (SELECT groupid \
                         FROM pg_dist_placement JOIN pg_dist_shard USING (shardid) \
                         WHERE logicalrelid IN (to_regclass('task'), to_regclass('task_owner')))";
            let nodes = rows(db, nodes).await?.len();
            format!("distributed by user_id: {} on {}", counted(shards, "shard"), counted(nodes, "node"))
        }
        Some((_, Split::Partitioned(parts))) => format!("partitioned by user_id: {}", counted(parts, "partition")),
        Some((_, Split::Whole)) => return Ok(None),
    };
    Ok(Some(if whole.is_empty() { split } else { format!("{split}; not: {whole}") }))
}

/// Returns a number with its noun.
pub(crate) fn counted(count: impl ToString + Copy, noun: &str) -> String {
    let count = count.to_string();
    format!("{count} {noun}{}", if count == "1" { "" } else { "s" })
}

/// Returns the rows of a question to the catalog of PostgreSQL.
pub(crate) async fn rows(db: &impl ConnectionTrait, query: &str) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_string(DbBackend::Postgres, query)).await
}
