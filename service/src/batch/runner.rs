use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::queue::{Queue, QueueState};
use super::{Batch, Operation, lock};
use crate::Error;
use crate::db::fault::Fault;
use crate::db::lease::Lease;

/// The time for which a batch keeps its turn in the lane. Most batches take a tenth of it.
const TURN: Duration = Duration::from_millis(10);
/// The further time for which the next batch of the same kind waits for the one in flight. A batch that takes longer waits for
/// something of its own, such as a locked row or a connection that does not answer. That is no reason for the others to wait.
const LATE: Duration = Duration::from_millis(100);
/// The maximum number of looks for more requests before a batch is sent. Without it, requests that trickle in would delay those
/// that are already there.
const MAX_LOOKS: usize = 16;
/// The maximum number of batches of one kind in flight. Each holds a connection.
const MAX_IN_FLIGHT: usize = 4;

/// The one task that sends the batches of a queue.
pub(super) struct Runner<O: Operation> {
    queue: Arc<Queue<O>>,
    /// The runner has ended as intended.
    is_over: bool,
}

impl<O: Operation> Runner<O> {
    pub(super) fn new(queue: Arc<Queue<O>>) -> Self {
        Self { queue, is_over: false }
    }

    /// Sends batches until no request waits.
    pub(super) async fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        let valid = |lease: Lease| lease.valid(&queue.db);
        loop {
            if self.ends_if(|state| state.waiting.is_empty()) {
                return;
            }
            let mut turn = queue.lane.turn().await;
            self.gather().await;
            let mut batch = Batch::new([]);
            let is_empty = |state: &mut QueueState<O>| {
                batch = state.next_batch(queue.operation.max_batch());
                batch.requests.is_empty()
            };
            let is_over = self.ends_if(is_empty);
            let lease = turn.take().and_then(valid);
            if is_over {
                *turn = lease;
                return;
            }
            batch.set_lease(lease);
            let keys = Mutex::new(batch.requests.iter().filter_map(O::key).collect());
            let in_flight = InFlight { queue: Arc::clone(&queue), keys };
            // The future is large, and the runtime moves a future several times before it runs.
            let mut sent = tokio::spawn(Box::pin(send(in_flight, batch)));
            if let Ok(ended) = timeout(TURN, &mut sent).await {
                *turn = ended.ok().flatten().and_then(|lease: Lease| queue.lane.renew(&queue.db, lease));
                continue;
            }
            drop(turn);
            if timeout(LATE, sent).await.is_err() {
                self.wait_for_capacity().await;
            }
        }
    }

    /// Ends the runner if `holds`. Both happen under the lock of the queue, so that the next request starts a new runner.
    fn ends_if(&mut self, holds: impl FnOnce(&mut QueueState<O>) -> bool) -> bool {
        let mut state = self.queue.state();
        if holds(&mut state) {
            state.is_running = false;
            self.is_over = true;
        }
        self.is_over
    }

    /// Looks for more requests before a batch is sent, until a look finds no new one or the batch is full. Otherwise the first
    /// request of many, which is the first to be read from its socket, would be sent alone. A look lets the runtime do the work
    /// that is ready. It takes one or two microseconds if there is none.
    async fn gather(&self) {
        let mut seen = 0;
        for _ in 0..MAX_LOOKS {
            yield_now().await;
            let waiting = self.queue.state().waiting.len();
            if waiting == seen || waiting >= self.queue.operation.max_batch() {
                return;
            }
            seen = waiting;
        }
    }

    async fn wait_for_capacity(&self) {
        loop {
            let ended = self.queue.batch_ended.notified();
            if self.queue.state().in_flight < MAX_IN_FLIGHT {
                return;
            }
            ended.await;
        }
    }
}

impl<O: Operation> Drop for Runner<O> {
    fn drop(&mut self) {
        if !self.is_over {
            // A panic, or the end of the runtime. The waiting callers get an error at once.
            let mut state = self.queue.state();
            state.waiting.clear();
            state.is_running = false;
        }
    }
}

/// A batch that was sent. When it is dropped, for whatever reason, its keys are released.
struct InFlight<O: Operation> {
    queue: Arc<Queue<O>>,
    keys: Mutex<HashSet<O::Key>>,
}

impl<O: Operation> InFlight<O> {
    /// Releases a key before the rest of the batch has ended.
    fn release(&self, key: &O::Key) {
        // Only once: the next batch may hold the key by the time this one ends.
        if lock(&self.keys).remove(key) {
            self.queue.state().keys.remove(key);
            self.start_waiting();
        }
    }

    /// Sends the requests that waited for a key. If the runtime itself ends, there is no caller left.
    fn start_waiting(&self) {
        let has_waiting = !self.queue.state().waiting.is_empty();
        if has_waiting && Handle::try_current().is_ok() {
            self.queue.start();
        }
    }
}

impl<O: Operation> Drop for InFlight<O> {
    fn drop(&mut self) {
        {
            let mut state = self.queue.state();
            state.in_flight -= 1;
            for key in self.keys.get_mut().unwrap_or_else(PoisonError::into_inner).iter() {
                state.keys.remove(key);
            }
        }
        self.queue.batch_ended.notify_waiters();
        self.start_waiting();
    }
}

/// Sends a batch. Returns the connection if the next batch can use it.
async fn send<O: Operation>(in_flight: InFlight<O>, batch: Batch<O>) -> Option<Lease> {
    let (queue, batch) = (&in_flight.queue, Arc::new(batch));
    let done = queue.operation.run(&queue.db, &batch).await;
    if batch.requests.len() == 1 || !done.as_ref().is_err_and(was_rejected) {
        batch.settle(&queue.operation, &done);
        return batch.take_lease();
    }
    // Nothing was done. Each request is sent alone, so that only the faulty one fails, and all at the same time, so that one
    // that waits for a lock does not delay the others.
    let send_alone = async |one: Batch<O>| {
        let one = Arc::new(one);
        if one.is_awaited() {
            one.settle(&queue.operation, &queue.operation.run(&queue.db, &one).await);
        }
        if let Some(key) = one.requests.first().and_then(O::key) {
            in_flight.release(&key);
        }
    };
    if let Some(batch) = Arc::into_inner(batch) {
        join_all(batch.split().map(send_alone)).await;
    }
    None
}

fn was_rejected(error: &Error) -> bool {
    match error {
        Error::Database(cause) | Error::Unavailable(cause) => Fault::of(&cause.0).was_rejected(),
        Error::NotFound | Error::NotOwner | Error::InvalidCursor | Error::Busy | Error::TooLongToSort => false,
    }
}
