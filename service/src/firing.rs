//! What all workers of the process share about the firing of reminders. No SQL.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, watch};

/// The turn of the workers, the end, and the figures of this process.
#[derive(Debug, Default)]
pub struct Firing {
    /// The worker that has it fires the reminders.
    pub(crate) turn: Mutex<()>,
    stopped: watch::Sender<bool>,
    total: AtomicU64,
    late: AtomicU64,
}

impl Firing {
    /// Ends the firing of reminders in this process. A transaction that is under way is rolled back.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Waits for [`Self::stop`].
    pub(crate) async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives as long as this value.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// The number of reminders that this process has fired.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The number of those that were late, see [`FiredReminder::late_by`](crate::tasks::FiredReminder::late_by).
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, total: u64, late: u64) {
        self.total.fetch_add(total, Ordering::Relaxed);
        self.late.fetch_add(late, Ordering::Relaxed);
    }
}
