//! Statements that are not batched: each is admitted by its cost, and runs in a task of its own.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use sea_orm::DbBackend;

use super::Store;
use crate::admission::{Admission, Limits, Permit, Wait};
use crate::db::Db;
use crate::db::fault::Fault;
use crate::{Caller, Cause, Error};

/// The time limit of a statement that is expected to be short.
const LIGHT_TIME: Duration = Duration::from_millis(250);
/// The time limit of a statement that can read all tasks of its owner.
const HEAVY_TIME: Duration = Duration::from_secs(9);
/// The time limit of a statement for a later part of an answer that has begun, and would be cut off.
const CONTINUED_TIME: Duration = Duration::from_secs(30);

const LIGHT: Limits = Limits { running_per_user: 2, waiting_per_user: 256, wait: Duration::from_secs(5) };
const HEAVY: Limits = Limits { running_per_user: 2, waiting_per_user: 16, wait: Duration::from_secs(5) };

/// The expected cost of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// It reads about as many rows as it returns. If it turns out not to, it runs once more as [`Cost::Heavy`].
    Light,
    /// It can read all tasks of its owner.
    Heavy,
    /// The same, for a later part of an answer that has begun.
    Continued,
}

/// The places for statements that are not batched.
///
/// At most half of a worker's connections are for heavy statements, and a part of the other half for light ones. The batches
/// always find a connection.
#[derive(Debug)]
pub(super) struct Places {
    light: Arc<Admission>,
    heavy: Arc<Admission>,
}

impl Places {
    /// The places for workers with these handles. Workers that share their connections share their places.
    pub(super) fn new(parts: &[Db]) -> Self {
        let distinct = if parts.iter().any(Db::shares_connections) { 1 } else { parts.len() };
        let of = |places: fn(&Db) -> usize| parts.iter().take(distinct).map(places).collect::<Vec<_>>();
        Self { light: Arc::new(Admission::new(LIGHT, of(light))), heavy: Arc::new(Admission::new(HEAVY, of(heavy))) }
    }
}

fn heavy(db: &Db) -> usize {
    let half = (db.max_connections() / 2).max(1);
    if db.backend() == DbBackend::Postgres {
        return half;
    }
    // SQLite works in this process. Half of the processors remain for everything else.
    half.min((available_parallelism().map_or(1, NonZero::get) / 2).max(1))
}

fn light(db: &Db) -> usize {
    (db.max_connections().div_ceil(2) / 2).clamp(1, 4)
}

impl Store {
    /// Runs a statement for the caller when it is its turn. `work` makes the future of the statement, which must end within the
    /// given time.
    ///
    /// The statement runs in a task of its own and keeps its place until it has ended, also if the caller hangs up.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many statements of the caller wait, or if the wait is over. The errors of `work`.
    pub(super) async fn alone<T, F>(
        &self,
        caller: &Caller,
        cost: Cost,
        work: impl Fn(Db, Duration) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        // The future is large. Every handler that may need it would carry its size, and move it, for each of its requests.
        Box::pin(self.run_alone(caller, cost, work)).await
    }

    async fn run_alone<T, F>(&self, caller: &Caller, cost: Cost, work: impl Fn(Db, Duration) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let user = caller.user_id();
        let worker = if self.db.shares_connections() { 0 } else { self.worker };
        if cost == Cost::Light {
            let permit = self.places.light.admit(user, worker, Wait::Limited).await?;
            match to_its_end(permit, work(self.db.clone(), LIGHT_TIME)).await {
                Err(error) if has_reached_its_limit(&error) => {}
                done => return done,
            }
        }
        let (wait, limit) = match cost {
            Cost::Light | Cost::Heavy => (Wait::Limited, HEAVY_TIME),
            Cost::Continued => (Wait::Unlimited, CONTINUED_TIME),
        };
        let permit = self.places.heavy.admit(user, worker, wait).await?;
        to_its_end(permit, work(self.db.clone(), limit)).await
    }
}

async fn to_its_end<T: Send + 'static>(
    permit: Permit,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    // Boxed, because the runtime moves a future several times before it runs.
    let task = tokio::spawn(Box::pin(async move {
        let done = work.await;
        drop(permit);
        done
    }));
    let abandoned = |_| Error::Unavailable(Cause::of("the statement was abandoned"));
    task.await.map_err(abandoned)?
}

fn has_reached_its_limit(error: &Error) -> bool {
    matches!(error, Error::Unavailable(cause) if Fault::of(&cause.0) == Fault::TimeLimit)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use sea_orm::SqlxError;
    use testing::{Backend, TestDatabase};

    use super::*;
    use crate::db::fault::query_error;
    use crate::{DbConfig, UserId};

    #[tokio::test]
    async fn a_statement_that_takes_longer_than_expected_runs_again_as_a_heavy_one() {
        let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let caller = Caller::authenticated(UserId::parse("alice").unwrap());
        let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        let work = |db: Db, limit| async move {
            if limit == HEAVY_TIME {
                return Ok("heavy");
            }
            let endless = sea_orm::Statement::from_string(DbBackend::Sqlite, endless);
            db.select(&endless, limit, |(): &mut (), _| Ok(())).await.map(|()| "light")
        };
        assert_eq!(store.alone(&caller, Cost::Light, work).await.unwrap(), "heavy");
        // Any other error is final.
        let broken = |_: Db, _| async { Err::<(), _>(Error::from(query_error(SqlxError::RowNotFound))) };
        assert!(matches!(store.alone(&caller, Cost::Light, broken).await, Err(Error::Database(_))));
    }
}
