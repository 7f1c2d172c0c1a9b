//! Whether requests should be sent to this server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use service::Db;
use tokio::sync::Mutex;

/// Turned off when the server is told to stop, so that a load balancer sends new requests elsewhere while those under way are
/// finished.
#[derive(Debug, Default)]
pub struct Readiness {
    is_stopping: AtomicBool,
    /// A schema that was complete once is not asked for again.
    is_migrated: AtomicBool,
    /// When the database last answered.
    last_answer: Mutex<Option<Instant>>,
}

/// How long an answer of the database stands for the next ones.
const ANSWER_KEPT: Duration = Duration::from_millis(500);

impl Readiness {
    /// The server has been told to stop.
    pub fn turn_off(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Why requests should go elsewhere: a name for programs and a sentence for people.
    pub async fn problem(&self, db: &Db) -> Option<(&'static str, &'static str)> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Some(("stopping", "This server is about to stop"));
        }
        let unreachable = Some(("database_unavailable", "The database does not answer"));
        // Nobody needs a token to ask, so the database is not asked each time; and all who ask at once share one answer.
        let mut last = self.last_answer.lock().await;
        if last.is_some_and(|answer| answer.elapsed() < ANSWER_KEPT) {
            return None;
        }
        if self.is_migrated.load(Ordering::Relaxed) {
            return match db.ping().await {
                Ok(()) => {
                    *last = Some(Instant::now());
                    None
                }
                Err(_) => unreachable,
            };
        }
        match db.is_migrated().await {
            Ok(true) => {
                self.is_migrated.store(true, Ordering::Relaxed);
                None
            }
            Ok(false) => Some(("not_migrated", "The database's schema is not up to date")),
            Err(_) => unreachable,
        }
    }
}
