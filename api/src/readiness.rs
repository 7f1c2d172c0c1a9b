//! Whether requests should be sent to this server.

use std::sync::atomic::{AtomicBool, Ordering};

use service::Db;

/// Turned off when the server is told to stop, so that a load balancer sends new requests elsewhere while those under way are
/// finished.
#[derive(Debug, Default)]
pub struct Readiness {
    is_stopping: AtomicBool,
    /// A schema that was complete once is not asked for again.
    is_migrated: AtomicBool,
}

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
        if self.is_migrated.load(Ordering::Relaxed) {
            return if db.ping().await.is_ok() { None } else { unreachable };
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
