use migration::Migrator;
use sea_orm::{ConnectionTrait, DbBackend};

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

    /// How much of the pools is in use.
    #[must_use]
    pub fn pool_use(&self) -> PoolUse {
        if self.backend() == DbBackend::Postgres {
            let pool = self.read.get_postgres_connection_pool();
            return PoolUse { open: pool.size() as usize, idle: pool.num_idle() };
        }
        let (read, write) = (self.read.get_sqlite_connection_pool(), self.write.get_sqlite_connection_pool());
        PoolUse { open: (read.size() + write.size()) as usize, idle: read.num_idle() + write.num_idle() }
    }
}
