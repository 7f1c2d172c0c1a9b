//! Timeouts and retries of statements, and the trust in connections after a failure of the database.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx::{Connection, Executor, Row};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, SqlxError};
use tokio::time::timeout;

use super::fault::Fault;
use crate::{Cause, Error};

/// The time after an abandoned statement during which returned connections are checked.
const CHECK_AFTER_TIMEOUT: Duration = Duration::from_mins(1);
/// The time that a checked connection has to answer a ping.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Records when a connection was last found broken. Connections that were idle at that time are checked before they are used
/// again, so that one restart of the database does not fail one request for each connection of the pool.
#[derive(Clone, Debug)]
pub(super) struct Outages {
    since: Instant,
    /// Milliseconds from `since`; 0 for never.
    last_broken: Arc<AtomicU64>,
    /// The time of the last abandoned statement, in the same unit.
    last_abandoned: Arc<AtomicU64>,
}

impl Default for Outages {
    fn default() -> Self {
        Self { since: Instant::now(), last_broken: Arc::default(), last_abandoned: Arc::default() }
    }
}

impl Outages {
    /// Has the pool check suspect connections before it hands them out.
    pub(super) fn watch(&self, options: &mut ConnectOptions) {
        self.check_returned_connections(options);
        let outages = self.clone();
        options.map_sqlx_postgres_before_acquire(move |connection, state| {
            let idle_since = outages.now().saturating_sub(millis(state.idle_for));
            let is_suspect = idle_since <= outages.last_broken.load(Ordering::Relaxed);
            Box::pin(async move {
                if !is_suspect {
                    return Ok(true);
                }
                // It is dead, or, after a failover, it leads to the server that no longer accepts writes.
                let row = connection.fetch_one("SHOW transaction_read_only").await?;
                Ok(row.try_get::<String, _>(0)? == "off")
            })
        });
    }

    /// An abandoned statement leaves its connection in the middle of an answer. The pool waits for that answer before it uses the
    /// connection again, and if the server vanished it waits until the operating system gives up. So connections that are
    /// returned after an abandoned statement have a bounded time to answer a ping.
    fn check_returned_connections(&self, options: &mut ConnectOptions) {
        let outages = self.clone();
        options.map_sqlx_postgres_pool_opts(move |pool| {
            let outages = outages.clone();
            pool.after_release(move |connection, _| {
                let abandoned = outages.last_abandoned.load(Ordering::Relaxed);
                let is_recent = abandoned > 0 && outages.now().saturating_sub(abandoned) < millis(CHECK_AFTER_TIMEOUT);
                Box::pin(async move {
                    if is_recent {
                        // An error closes the connection without the message that ends a session, which would not be answered.
                        let late = |_| SqlxError::Io(ErrorKind::TimedOut.into());
                        timeout(PING_TIMEOUT, connection.ping()).await.map_err(late)??;
                    }
                    Ok(true)
                })
            })
        });
    }

    /// Runs `work` within `deadline`. After a fault for which `may_retry` holds, and after a conflict, it runs once more.
    pub(super) async fn run<T>(
        &self,
        deadline: Duration,
        connection: &DatabaseConnection,
        work: impl AsyncFn(&DatabaseConnection) -> Result<T, DbErr>,
        may_retry: impl Fn(Fault) -> bool,
    ) -> Result<T, Error> {
        self.attempt(deadline, || work(connection), may_retry).await
    }

    /// The same for a function that makes the future of one attempt.
    pub(super) async fn attempt<T, F: Future<Output = Result<T, DbErr>>>(
        &self,
        deadline: Duration,
        make: impl Fn() -> F,
        may_retry: impl Fn(Fault) -> bool,
    ) -> Result<T, Error> {
        let attempts = async {
            let error = match make().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let fault = Fault::of(&error);
            if fault.breaks_connection() {
                self.last_broken.store(self.now(), Ordering::Relaxed);
            }
            let retries = fault == Fault::Conflict || (fault.breaks_connection() && may_retry(fault));
            if retries { make().await } else { Err(error) }
        };
        let Ok(done) = timeout(deadline, attempts).await else {
            self.last_abandoned.store(self.now(), Ordering::Relaxed);
            return Err(Error::Unavailable(Cause::of(format!("no answer within {} s", deadline.as_secs()))));
        };
        Ok(done?)
    }

    /// Whether a connection was found broken at this time or later.
    pub(super) fn is_after(&self, time: Instant) -> bool {
        self.last_broken.load(Ordering::Relaxed) > millis(time.saturating_duration_since(self.since))
    }

    fn now(&self) -> u64 {
        millis(self.since.elapsed()) + 1
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
