use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use crate::db::Db;
use crate::db::lease::{LEASE_TIME, Lease};

/// A group of queues that take turns. One batch has the turn at a time, and it uses the connection that the lane holds, if it
/// holds one.
#[derive(Debug, Default)]
pub(crate) struct Lane(Mutex<Option<Lease>>);

impl Lane {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> MutexGuard<'_, Option<Lease>> {
        self.0.lock().await
    }

    /// The lease for the next batch of this lane, if it can be renewed. A task returns it to the pool at the end of its time.
    pub(super) fn renew(self: &Arc<Self>, db: &Db, lease: Lease) -> Option<Lease> {
        let mut lease = lease.renewable(db)?;
        if !lease.watch() {
            let (lane, db) = (Arc::clone(self), db.clone());
            tokio::spawn(async move {
                sleep(LEASE_TIME).await;
                let mut turn = lane.turn().await;
                *turn = turn.take().and_then(|lease| lease.valid(&db));
            });
        }
        Some(lease)
    }

    /// Returns the connection to the pool, unless a batch has the turn.
    pub(crate) fn release(&self) {
        if let Ok(mut turn) = self.0.try_lock() {
            turn.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use testing::{Backend, TestDatabase};

    use super::super::{Batch, Operation, Plan, Queue};
    use super::*;
    use crate::Error;
    use crate::db::DbConfig;
    use crate::db::fault::query_error;

    /// Answers each request with itself, after a statement over the connection of the batch.
    struct Echo;

    impl Operation for Echo {
        type Request = u8;
        type Answer = u8;
        type Key = Infallible;

        fn max_batch(&self) -> usize {
            16
        }

        async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
            let batch = Arc::clone(batch);
            db.read(async move |db| {
                let mut connection = batch.connection(db).await?;
                sea_orm::sqlx::Connection::ping(&mut *connection).await.map_err(query_error)?;
                batch.keep(connection);
                batch.requests.iter().enumerate().for_each(|(place, request)| batch.answer(place, Ok(*request)));
                Ok(())
            })
            .await
        }

        fn no_row(&self) -> Result<u8, Error> {
            Err(Error::NotFound)
        }
    }

    async fn with_two_connections(database: &TestDatabase) -> (Db, Arc<Lane>, Arc<Queue<Echo>>) {
        let config = DbConfig { max_connections: 2, ..DbConfig::new(database.url()) };
        let db = Db::open(&config, |_| {}).await.unwrap();
        let lane = Arc::<Lane>::default();
        let queue = Queue::new(Echo, db.clone(), Plan::in_turns(&lane, None));
        (db, lane, queue)
    }

    async fn acquire(db: &Db) -> Lease {
        db.read(Lease::acquire).await.unwrap()
    }

    #[tokio::test]
    async fn the_next_batch_uses_the_connection_of_the_lane() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let (db, lane, queue) = with_two_connections(&database).await;
        // The pool has no other connection to give. If the machine is so slow that the lease ends, the connection comes from
        // the pool again.
        let _other = acquire(&db).await;
        let mut lease = acquire(&db).await;
        lease.watch();
        *lane.turn().await = Some(lease);
        assert_eq!(queue.ask(7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_batch_leaves_its_connection_in_the_lane() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let (_db, lane, queue) = with_two_connections(&database).await;
        // On a slow machine the lease may end before the check, but hardly a thousand times.
        for _ in 0..1000 {
            queue.ask(7).await.unwrap();
            if lane.turn().await.is_some() {
                return;
            }
        }
        panic!("no connection was kept");
    }

    #[tokio::test]
    async fn a_connection_returns_to_the_pool_when_its_lease_ends() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let (db, lane, _queue) = with_two_connections(&database).await;
        let lease = acquire(&db).await;
        *lane.turn().await = lane.renew(&db, lease);
        // Each waits for a free connection for as long as the pool allows, and fails after that.
        let _others = (acquire(&db).await, acquire(&db).await);
    }
}
