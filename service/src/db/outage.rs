//! When the database fails: how long an operation waits, what is sent again, and which connections are still trusted.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx::{Connection, Executor, Row};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr, SqlxError};
use tokio::time::timeout;

use crate::Error;

/// For how long after a statement was given up connections are doubted when they return.
const DOUBTFUL: Duration = Duration::from_mins(1);
/// How long a doubtful connection may take to show that it lives.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// Remembers when a connection was last found broken: those that were idle then are asked whether they live before they are
/// used again, so that one restart of the database is not found out once for each connection of the pool.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    since: Instant,
    /// Milliseconds from `since`, 0 for never.
    last: Arc<AtomicU64>,
    /// When a statement was last given up, likewise.
    given_up: Arc<AtomicU64>,
}

impl Default for Outage {
    fn default() -> Self {
        Self { since: Instant::now(), last: Arc::default(), given_up: Arc::default() }
    }
}

impl Outage {
    /// Lets the pool ask.
    pub(super) fn watch(&self, options: &mut ConnectOptions) {
        self.bound_farewells(options);
        let outage = self.clone();
        options.map_sqlx_postgres_before_acquire(move |connection, state| {
            let is_suspect = outage.now().saturating_sub(millis(state.idle_for)) <= outage.last.load(Ordering::Relaxed);
            Box::pin(async move {
                if !is_suspect {
                    return Ok(true);
                }
                // Dead, or, after a failover, alive and on the server that is no longer the one to write to.
                let row = connection.fetch_one("SHOW transaction_read_only").await?;
                Ok(row.try_get::<String, _>(0)? == "off")
            })
        });
    }

    /// A statement that was given up leaves its connection in the middle of an answer, and the pool waits for that answer before
    /// it uses the connection again: for as long as the system's own patience lasts, where the server vanished without a word.
    /// After such a statement connections have a bounded time to show that they live.
    fn bound_farewells(&self, options: &mut ConnectOptions) {
        let outage = self.clone();
        options.map_sqlx_postgres_pool_opts(move |pool| {
            let outage = outage.clone();
            pool.after_release(move |connection, _| {
                let given_up = outage.given_up.load(Ordering::Relaxed);
                let is_recent = given_up > 0 && outage.now().saturating_sub(given_up) < millis(DOUBTFUL);
                Box::pin(async move {
                    if is_recent {
                        // An error closes it without a goodbye, which nobody would answer.
                        let late = |_| SqlxError::Io(ErrorKind::TimedOut.into());
                        timeout(FAREWELL, connection.ping()).await.map_err(late)??;
                    }
                    Ok(true)
                })
            })
        });
    }

    /// Runs `work` within `deadline`, and once more after a failure for which `may_repeat` holds.
    pub(super) async fn bounded<T>(
        &self,
        deadline: Duration,
        connection: &DatabaseConnection,
        work: impl AsyncFn(&DatabaseConnection) -> Result<T, DbErr>,
        may_repeat: impl Fn(&DbErr) -> bool,
    ) -> Result<T, Error> {
        let attempts = async {
            match work(connection).await {
                Err(error) if is_conflict(&error) => work(connection).await,
                Err(error) if is_broken(&error) => {
                    self.last.store(self.now(), Ordering::Relaxed);
                    if may_repeat(&error) { work(connection).await } else { Err(error) }
                }
                done => done,
            }
        };
        let Ok(done) = timeout(deadline, attempts).await else {
            self.given_up.store(self.now(), Ordering::Relaxed);
            return Err(Error::Unavailable(DbErr::Custom(format!("no answer within {} s", deadline.as_secs()))));
        };
        Ok(done?)
    }

    /// Whether a connection was found broken at this time or later.
    pub(super) fn is_after(&self, time: Instant) -> bool {
        self.last.load(Ordering::Relaxed) > millis(time.saturating_duration_since(self.since))
    }

    fn now(&self) -> u64 {
        millis(self.since.elapsed()) + 1
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether the connection is of no use any more, or not to the right server.
pub(super) fn is_broken(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(SqlxError::Io(_) | SqlxError::Protocol(_)) => true,
        Some(SqlxError::Database(answer)) => answer.code().is_some_and(|code| is_farewell(&code)),
        _ => false,
    }
}

/// Whether the statement was surely not done: the server said farewell instead of answering it, or the system refused to
/// send it, since the connection was closed before.
pub(super) fn was_not_done(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(SqlxError::Io(error)) => error.kind() == ErrorKind::BrokenPipe,
        // A crash of the server (57P02) can come between a commit and its answer.
        Some(SqlxError::Database(answer)) => answer.code().is_some_and(|code| is_farewell(&code) && code != "57P02"),
        _ => false,
    }
}

/// Whether the server took back what it had begun, since somebody else was in the way: a conflict, or a lock that was not free
/// in time.
pub(super) fn was_rolled_back(error: &DbErr) -> bool {
    is_conflict(error) || has_code(error, &["55P03"])
}

/// A deadlock, or a serialization failure: the other one is done now, so it is worth another try.
fn is_conflict(error: &DbErr) -> bool {
    has_code(error, &["40P01", "40001"])
}

fn has_code(error: &DbErr, codes: &[&str]) -> bool {
    match sqlx_error(error) {
        Some(SqlxError::Database(answer)) => answer.code().is_some_and(|code| codes.contains(&&*code)),
        _ => false,
    }
}

/// SQLSTATEs of a session that ends (class 57 of PostgreSQL's appendix A), and of one that may only read, on a server that
/// another one has taken over from.
fn is_farewell(code: &str) -> bool {
    matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25006")
}

pub(super) fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}
