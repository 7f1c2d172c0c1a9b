//! The connection of PostgreSQL's that a lane keeps from one set to the next.
//!
//! Whenever a connection goes back to the pool, sqlx asks the server whether it still lives. That is a round trip for each set,
//! and with the next set on another connection, another of the server's processes with caches of its own.

use std::mem::replace;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgConnection, PgPool, Postgres};
use sea_orm::{DbErr, RuntimeErr};
use tokio::time::sleep;

use super::Db;

/// For how long: then the pool takes care of it again (how old it may become, whether it lives), and it is short enough for
/// whoever waits for a connection.
const KEEP: Duration = Duration::from_millis(50);

/// One set at a time: who holds it may send, over the connection in it where there is one.
pub(crate) type Lane = tokio::sync::Mutex<Option<Kept>>;

/// A connection that was taken out of the pool, and goes back there when it is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    connection: PoolConnection<Postgres>,
    since: Instant,
    /// Somebody will look for the end of its time.
    is_watched: bool,
}

impl Kept {
    /// One out of the pool.
    pub(crate) async fn acquire(pool: &PgPool) -> Result<Self, DbErr> {
        let connection = pool.acquire().await.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(Self { connection, since: Instant::now(), is_watched: false })
    }

    /// Itself, for the next set of this lane; nothing where its time is over, or where the pool has no other one to give.
    pub(crate) fn stay(mut self, db: &Db, lane: fn(&Db) -> &Lane) -> Option<Self> {
        if self.is_over() || !has_another(db.write.get_postgres_connection_pool()) {
            return None;
        }
        if !replace(&mut self.is_watched, true) {
            let db = db.clone();
            tokio::spawn(async move {
                sleep(KEEP).await;
                // Whoever holds the lane now sees to it instead.
                if let Ok(mut lane) = lane(&db).try_lock() {
                    lane.take_if(|kept| kept.is_over());
                }
            });
        }
        Some(self)
    }

    /// Whether it should go back to the pool.
    pub(crate) fn is_over(&self) -> bool {
        self.since.elapsed() >= KEEP
    }
}

fn has_another(pool: &PgPool) -> bool {
    !pool.is_closed() && (pool.num_idle() > 0 || pool.size() < pool.options().get_max_connections())
}

/// Gives what is kept back to the pool, unless it is in use.
pub(super) fn let_go(lanes: [&Lane; 2]) {
    for lane in lanes {
        if let Ok(mut lane) = lane.try_lock() {
            lane.take();
        }
    }
}

impl Deref for Kept {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test says who asks")]
mod tests {
    use testing::{Backend, TestDatabase};

    use super::super::DbConfig;
    use super::*;
    use crate::{Caller, UserId, tasks};

    async fn with_connections(database: &TestDatabase, max_connections: u32) -> Db {
        let config = DbConfig { max_connections, ..DbConfig::new(database.url()) };
        Db::open(&config, |_| {}).await.unwrap()
    }

    fn lane(db: &Db) -> &Lane {
        db.queues().lanes()[0]
    }

    #[tokio::test]
    async fn the_next_set_goes_over_the_connection_of_the_one_before() {
        let database = TestDatabase::migrated(Backend::Postgres).await.unwrap();
        let db = with_connections(&database, 2).await;
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        // Its time may be over before we look, where the machine is slow; hardly ever a thousand times.
        for _ in 0..1000 {
            tasks::get(&db, &alice, 1).await.unwrap_err();
            if lane(&db).lock().await.is_some() {
                return;
            }
        }
        panic!("no connection was ever kept");
    }

    #[tokio::test]
    async fn a_connection_goes_back_to_the_pool_when_its_time_is_over() {
        let database = TestDatabase::migrated(Backend::Postgres).await.unwrap();
        let db = with_connections(&database, 2).await;
        let pool = db.read.get_postgres_connection_pool();
        let kept = Kept::acquire(pool).await.unwrap();
        *lane(&db).lock().await = kept.stay(&db, lane);
        // This waits for as long as a pool waits for a connection, and fails after that.
        let _others = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    }

    #[tokio::test]
    async fn a_connection_stays_only_where_the_pool_has_another_one_to_give() {
        let database = TestDatabase::migrated(Backend::Postgres).await.unwrap();
        let db = with_connections(&database, 2).await;
        let pool = db.read.get_postgres_connection_pool();
        let _one = pool.acquire().await.unwrap();
        assert!(has_another(pool));
        let _two = pool.acquire().await.unwrap();
        assert!(!has_another(pool));
    }
}
