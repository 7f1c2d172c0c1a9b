use std::sync::atomic::Ordering;

use migration::Migrator;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};

use super::{Db, MigratorTrait};
use crate::Error;

/// How much of the pools is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that are open.
    pub open: usize,
    /// Those of them that do nothing.
    pub idle: usize,
}

impl Db {
    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(async |db| db.execute_unprepared("SELECT 1").await.map(drop)).await
    }

    /// Whether every migration that this server knows has been applied.
    ///
    /// # Errors
    /// Whatever the database answers.
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        let pending = self.read(async |db| Migrator::get_pending_migrations_read_only(db).await).await?;
        Ok(pending.is_empty())
    }

    /// How many statements were sent to the database by this handle and those that it was split into. One that was sent
    /// once more, for a broken connection, counts once.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How much of the pools of these parts is in use, see [`Self::split`].
    #[must_use]
    pub fn pool_use(parts: &[Self]) -> PoolUse {
        let mut sum = PoolUse { open: 0, idle: 0 };
        let mut add = |open: u32, idle| {
            sum.open += open as usize;
            sum.idle += idle;
        };
        for part in parts {
            if part.backend() == DbBackend::Postgres {
                let pool = part.read.get_postgres_connection_pool();
                add(pool.size(), pool.num_idle());
                continue;
            }
            for pool in [&part.read, &part.write].map(DatabaseConnection::get_sqlite_connection_pool) {
                add(pool.size(), pool.num_idle());
            }
            // They share these.
            break;
        }
        sum
    }
}
