use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use service::Store;
use tokio::sync::Mutex;

/// Decides whether requests should be sent to this server. It turns unready as soon as the server is asked to stop, so that a
/// load balancer sends new requests elsewhere while those in flight are finished.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    is_stopping: AtomicBool,
    /// Set once the schema was complete. It is not checked again after that.
    is_migrated: AtomicBool,
    /// When the database last answered.
    last_answer: Mutex<Option<Instant>>,
}

/// Why requests should be sent elsewhere.
pub(crate) struct NotReady {
    /// A stable name for programs.
    pub(crate) code: &'static str,
    /// A sentence for people.
    pub(crate) detail: &'static str,
}

/// How long an answer of the database is reused.
const ANSWER_KEPT: Duration = Duration::from_millis(500);

const STOPPING: NotReady = NotReady { code: "stopping", detail: "This server is about to stop" };
const UNREACHABLE: NotReady = NotReady { code: "database_unavailable", detail: "The database does not answer" };
const NOT_MIGRATED: NotReady = NotReady { code: "not_migrated", detail: "The database's schema is not up to date" };

impl Readiness {
    /// Makes the server unready for the rest of its life.
    pub(super) fn turn_off(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Checks that the server is not stopping, that the database answers, and that its schema is complete.
    ///
    /// The check needs no token. So the database is asked at most once each [`ANSWER_KEPT`], and concurrent checks share one
    /// answer.
    pub(crate) async fn check(&self, store: &Store) -> Result<(), NotReady> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(STOPPING);
        }
        let mut last = self.last_answer.lock().await;
        if last.is_some_and(|answer| answer.elapsed() < ANSWER_KEPT) {
            return Ok(());
        }
        if self.is_migrated.load(Ordering::Relaxed) {
            store.db().ping().await.map_err(|_| UNREACHABLE)?;
            *last = Some(Instant::now());
            return Ok(());
        }
        if !store.db().is_migrated().await.map_err(|_| UNREACHABLE)? {
            return Err(NOT_MIGRATED);
        }
        self.is_migrated.store(true, Ordering::Relaxed);
        Ok(())
    }
}
