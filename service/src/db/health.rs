use std::sync::atomic::Ordering;

use migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, DbBackend};

use super::Db;
use crate::Error;

/// The use of the connection pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Open connections.
    pub open: usize,
    /// Open connections that are idle.
    pub idle: usize,
    /// How many connections may be open.
    pub max: usize,
}

impl Db {
    /// Whether every migration that this server knows has been applied.
    ///
    /// # Errors
    /// An error of the database.
    pub(super) async fn is_migrated(&self) -> Result<bool, Error> {
        let pending = self.read(async |db| Migrator::get_pending_migrations_read_only(db).await).await?;
        Ok(pending.is_empty())
    }

    /// The number of statements that this handle and the parts of it have sent. A retry does not count.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// The use of the pools of this handle.
    pub(crate) fn pool_use(&self) -> PoolUse {
        let mut sum = PoolUse { open: 0, idle: 0, max: 0 };
        let mut add = |open: u32, idle, max: u32| {
            sum.open += open as usize;
            sum.idle += idle;
            sum.max += max as usize;
        };
        if self.backend() == DbBackend::Postgres {
            let pool = self.read.get_postgres_connection_pool();
            add(pool.size(), pool.num_idle(), pool.options().get_max_connections());
        } else {
            for pool in [&self.read, &self.write].map(DatabaseConnection::get_sqlite_connection_pool) {
                add(pool.size(), pool.num_idle(), pool.options().get_max_connections());
            }
        }
        sum
    }

    /// The maximum number of connections that this handle reads with.
    pub(crate) fn max_connections(&self) -> usize {
        let most = if self.backend() == DbBackend::Postgres {
            self.read.get_postgres_connection_pool().options().get_max_connections()
        } else {
            self.read.get_sqlite_connection_pool().options().get_max_connections()
        };
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// Whether the parts of a split handle share its connections.
    pub(crate) fn shares_connections(&self) -> bool {
        self.backend() == DbBackend::Sqlite
    }
}
