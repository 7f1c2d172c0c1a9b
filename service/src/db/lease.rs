//! A PostgreSQL connection that is kept from one batch to the next.
//!
//! Whenever a connection goes back to the pool, sqlx pings the server. That is one round trip a batch. The next batch would also
//! often use another connection, which is another server process with caches of its own.

use std::mem::replace;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgConnection, PgPool, Postgres};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};
use tokio::time::timeout;

use super::Db;
use super::retry::PING_TIMEOUT;

/// The duration of a lease. After it the pool takes over again, which limits the age of connections and checks that they are
/// alive. It is also short enough for callers that wait for a free connection.
pub(crate) const LEASE_TIME: Duration = Duration::from_millis(50);

/// A connection that was taken out of the pool. It returns to the pool when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: PoolConnection<Postgres>,
    since: Instant,
    /// A task waits for the end of the lease.
    is_watched: bool,
}

impl Lease {
    /// Takes a connection out of the pool.
    pub(crate) async fn acquire(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let acquired = db.get_postgres_connection_pool().acquire().await;
        let connection = acquired.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(Self { connection, since: Instant::now(), is_watched: false })
    }

    /// The lease, if the next batch may use it: it has not ended, and the pool is open and has another connection to give.
    pub(crate) fn renewable(self, db: &Db) -> Option<Self> {
        self.valid(db).filter(|_| has_another(db.write.get_postgres_connection_pool()))
    }

    /// The lease, if it has not ended and no other connection was found broken since it left the pool. Otherwise this one may be
    /// broken too, or lead to a server that no longer accepts writes.
    pub(crate) fn valid(self, db: &Db) -> Option<Self> {
        if db.outages.is_after(self.since) {
            // The pool would trust a connection that was used a moment ago.
            drop(self.connection.detach());
            return None;
        }
        if self.since.elapsed() >= LEASE_TIME {
            self.give_back();
            return None;
        }
        Some(self)
    }

    /// Marks the lease as watched. Returns whether it already was.
    pub(crate) fn watch(&mut self) -> bool {
        replace(&mut self.is_watched, true)
    }

    /// Returns the connection to the pool, which pings it and waits without a limit if the server vanished. So it is pinged here
    /// first, with a limit.
    fn give_back(mut self) {
        tokio::spawn(async move {
            if !matches!(timeout(PING_TIMEOUT, self.connection.ping()).await, Ok(Ok(()))) {
                drop(self.connection.detach());
            }
        });
    }
}

fn has_another(pool: &PgPool) -> bool {
    !pool.is_closed() && (pool.num_idle() > 0 || pool.size() < pool.options().get_max_connections())
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use testing::{Backend, TestDatabase};

    use super::super::DbConfig;
    use super::*;
    use crate::db::fault::query_error;

    async fn with_two_connections(database: &TestDatabase) -> Db {
        let config = DbConfig { max_connections: 2, ..DbConfig::new(database.url()) };
        Db::open(&config, |_| {}).await.unwrap()
    }

    #[tokio::test]
    async fn a_lease_ends_when_another_connection_was_found_broken_since() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_two_connections(&database).await;
        let lease = Lease::acquire(&db.read).await.unwrap();
        let before = db.read.get_postgres_connection_pool().size();
        let broken = async |_: &_| Err(query_error(sea_orm::SqlxError::Protocol("broken".to_owned())));
        db.write::<()>(broken).await.unwrap_err();
        assert!(lease.valid(&db).is_none());
        assert_eq!(db.read.get_postgres_connection_pool().size(), before - 1);
    }

    #[tokio::test]
    async fn a_lease_is_renewable_only_if_the_pool_has_another_connection_to_give() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_two_connections(&database).await;
        let pool = db.read.get_postgres_connection_pool();
        let _one = pool.acquire().await.unwrap();
        // A connection that was used while the database was opened may still be on its way back to the pool.
        while !has_another(pool) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let last = Lease::acquire(&db.read).await.unwrap();
        assert!(!has_another(pool));
        assert!(last.renewable(&db).is_none());
    }
}
