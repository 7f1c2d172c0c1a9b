//! The connection of PostgreSQL's that a lane keeps from one set to the next.
//!
//! Whenever a connection goes back to the pool, sqlx asks the server whether it still lives. That is a round trip for each set,
//! and with the next set on another connection, another of the server's processes with caches of its own.

use std::mem::replace;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgConnection, PgPool, Postgres};
use sea_orm::{DbErr, RuntimeErr};
use tokio::time::{sleep, timeout};

use super::Db;
use super::outage::FAREWELL;

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

    /// Itself, to stay in this lane for its next set; nothing where its time is over, or where the pool is closed or has no other
    /// one to give.
    pub(crate) fn stay(self, db: &Db, lane: fn(&Db) -> &Lane) -> Option<Self> {
        let mut kept = self.trusted(db)?;
        if !has_another(db.write.get_postgres_connection_pool()) {
            return None;
        }
        if !replace(&mut kept.is_watched, true) {
            let db = db.clone();
            tokio::spawn(async move {
                sleep(KEEP).await;
                let mut lane = lane(&db).lock().await;
                *lane = lane.take().and_then(|kept| kept.trusted(&db));
            });
        }
        Some(kept)
    }

    /// Itself, unless its time is over, or another connection was found broken since it left the pool: then this one may be, too,
    /// or be on a server that is no longer the one to write to.
    pub(crate) fn trusted(self, db: &Db) -> Option<Self> {
        if db.outage.is_after(self.since) {
            // The pool would trust what was used a moment ago.
            drop(self.connection.detach());
            return None;
        }
        if self.since.elapsed() >= KEEP {
            self.give_back();
            return None;
        }
        Some(self)
    }

    /// To the pool, which asks it whether it lives, and waits for ever where the server vanished meanwhile: so it is asked before.
    fn give_back(mut self) {
        tokio::spawn(async move {
            if !matches!(timeout(FAREWELL, self.connection.ping()).await, Ok(Ok(()))) {
                drop(self.connection.detach());
            }
        });
    }
}

fn has_another(pool: &PgPool) -> bool {
    !pool.is_closed() && (pool.num_idle() > 0 || pool.size() < pool.options().get_max_connections())
}

/// Gives what is kept back to the pool, except from a lane that somebody holds.
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
    use crate::db::batch::ask;
    use crate::tasks::Get;
    use crate::{Caller, UserId};

    async fn with_connections(database: &TestDatabase, max_connections: u32) -> Db {
        let config = DbConfig { max_connections, ..DbConfig::new(database.url()) };
        Db::open(&config, |_| {}).await.unwrap()
    }

    fn lane(db: &Db) -> &Lane {
        db.queues().lanes()[0]
    }

    #[tokio::test]
    async fn the_next_set_goes_over_the_connection_that_was_kept() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_connections(&database, 2).await;
        let pool = db.read.get_postgres_connection_pool();
        // The pool has no other one to give. Where the machine is so slow that its time is over, it comes from there.
        let _other = pool.acquire().await.unwrap();
        *lane(&db).lock().await = Some(Kept { is_watched: true, ..Kept::acquire(pool).await.unwrap() });
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        assert!(ask::<Get>(&db, (alice, 1)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_set_leaves_its_connection_in_the_lane() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_connections(&database, 2).await;
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        // Its time may be over before we look, where the machine is slow; hardly ever a thousand times.
        for _ in 0..1000 {
            ask::<Get>(&db, (alice.clone(), 1)).await.unwrap();
            if lane(&db).lock().await.is_some() {
                return;
            }
        }
        panic!("no connection was ever kept");
    }

    #[tokio::test]
    async fn a_connection_is_not_trusted_when_another_one_was_found_broken_since() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_connections(&database, 2).await;
        let pool = db.read.get_postgres_connection_pool();
        let kept = Kept::acquire(pool).await.unwrap();
        let broken = async |_: &_| {
            Err(DbErr::Query(RuntimeErr::SqlxError(sea_orm::SqlxError::Protocol("broken".to_owned()).into())))
        };
        db.write::<()>(broken).await.unwrap_err();
        assert!(kept.trusted(&db).is_none());
        assert_eq!(pool.size(), 0);
    }

    #[tokio::test]
    async fn a_connection_goes_back_to_the_pool_when_its_time_is_over() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_connections(&database, 2).await;
        let pool = db.read.get_postgres_connection_pool();
        let kept = Kept::acquire(pool).await.unwrap();
        *lane(&db).lock().await = kept.stay(&db, lane);
        // This waits for as long as a pool waits for a connection, and fails after that.
        let _others = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    }

    #[tokio::test]
    async fn a_connection_stays_only_where_the_pool_has_another_one_to_give() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = with_connections(&database, 2).await;
        let pool = db.read.get_postgres_connection_pool();
        let _one = pool.acquire().await.unwrap();
        assert!(has_another(pool));
        let last = Kept::acquire(pool).await.unwrap();
        assert!(!has_another(pool));
        assert!(last.stay(&db, lane).is_none());
    }
}
