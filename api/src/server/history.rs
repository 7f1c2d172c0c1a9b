//! Deletes old changes and keys.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use service::{Pauses, Store, Swept};
use tokio::time::sleep;

use super::application::root_cause;

/// The time from the start of the server to its first sweep, and the part of it that is random. Servers that start together do
/// not sweep together.
const FIRST: (Duration, Duration) = (Duration::from_mins(5), Duration::from_mins(10));
/// The time from one sweep to the next one.
const EVERY: Duration = Duration::from_hours(1);
/// A sweep works for at most a fifth of the time.
const PAUSES: Pauses = Pauses { least: Duration::from_millis(10), times: 4 };

/// Sweeps again and again, until it is dropped. What a sweep was doing then is undone, and the next one does it.
pub(super) async fn keep_sweeping(store: &Store) {
    let (least, random) = FIRST;
    sleep(least + random_part_of(random)).await;
    loop {
        // Boxed, because the future is large and this one is a part of the server's.
        match Box::pin(store.sweep(PAUSES)).await {
            Ok(Swept { changes: 0, keys: 0 }) => {}
            Ok(Swept { changes, keys }) => log::info!("deleted {changes} old changes and {keys} old keys of requests"),
            Err(error) => log::warn!("old changes are not deleted: {}", root_cause(&error)),
        }
        sleep(EVERY).await;
    }
}

/// A random time below this one.
fn random_part_of(time: Duration) -> Duration {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    // The standard library seeds each of these at random.
    Duration::from_millis(RandomState::new().hash_one(()) % millis)
}
