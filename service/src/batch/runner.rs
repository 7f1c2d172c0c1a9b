use std::collections::HashSet;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::queue::{Queue, QueueState};
use super::{Batch, Lane, Operation, Pace, lock};
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

/// The maximum number of parts of a rejected batch that are sent at the same time.
const PARTS_AT_ONCE: usize = 4;

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
    pub(super) async fn run(self) {
        let queue = Arc::clone(&self.queue);
        match &queue.plan.pace {
            Pace::Turns(lane) => self.run_in_turns(lane).await,
            Pace::Permits(permits) => self.run_with_permits(permits).await,
        }
    }

    /// Sends batches as soon as there is a permit, several at the same time.
    async fn run_with_permits(mut self, permits: &Arc<Semaphore>) {
        loop {
            if self.ends_if(|state| state.waiting.is_empty()) {
                return;
            }
            // It is never closed.
            let Ok(permit) = Arc::clone(permits).acquire_owned().await else { return };
            self.gather().await;
            let Some((in_flight, batch)) = self.next() else { return };
            tokio::spawn(Box::pin(async move {
                send(in_flight, batch).await;
                drop(permit);
            }));
        }
    }

    /// The next batch, which is in flight from now on. If there is none, the runner ends.
    fn next(&mut self) -> Option<(InFlight<O>, Batch<O>)> {
        let queue = Arc::clone(&self.queue);
        let mut batch = None;
        let is_empty = |state: &mut QueueState<O>| {
            let next = queue.next_batch(state);
            let is_empty = next.requests.is_empty();
            batch = Some(next);
            is_empty
        };
        if self.ends_if(is_empty) {
            return None;
        }
        let batch = batch?;
        let keys = Mutex::new(if queue.plan.holds.is_some() { batch.keys() } else { HashSet::new() });
        Some((InFlight { queue, keys }, batch))
    }

    /// Sends batches in the turns of a lane.
    async fn run_in_turns(mut self, lane: &Arc<Lane>) {
        let queue = Arc::clone(&self.queue);
        let valid = |lease: Lease| lease.valid(&queue.db);
        loop {
            if self.ends_if(|state| state.waiting.is_empty()) {
                return;
            }
            let mut turn = lane.turn().await;
            self.gather().await;
            let next = self.next();
            let lease = turn.take().and_then(valid);
            let Some((in_flight, batch)) = next else {
                *turn = lease;
                return;
            };
            batch.set_lease(lease);
            // The future is large, and the runtime moves a future several times before it runs.
            let mut sent = tokio::spawn(Box::pin(send(in_flight, batch)));
            if let Ok(ended) = timeout(TURN, &mut sent).await {
                *turn = ended.ok().flatten().and_then(|lease: Lease| lane.renew(&queue.db, lease));
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
        if let Some(key) = lock(&self.keys).take(key) {
            self.queue.release([key]);
        }
    }
}

impl<O: Operation> Drop for InFlight<O> {
    fn drop(&mut self) {
        self.queue.state().in_flight -= 1;
        let keys = take(self.keys.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.queue.release(keys);
        self.queue.batch_ended.notify_waiters();
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
    // Nothing was done.
    let batch = Arc::into_inner(batch)?;
    if batch.keys().len() == 1 {
        send_singles(queue, batch, &done).await;
        return None;
    }
    // Several parts are sent at the same time, so that one that waits for a lock does not delay the others. Each has a
    // connection, and not all of them may be taken.
    let send_part = async |part: Batch<O>| {
        let key = part.requests.first().and_then(O::key);
        send_part(queue, part).await;
        if let Some(key) = key {
            in_flight.release(&key);
        }
    };
    stream::iter(batch.by_key()).for_each_concurrent(PARTS_AT_ONCE, send_part).await;
    None
}

/// Sends the requests with one key, or one request without a key.
async fn send_part<O: Operation>(queue: &Queue<O>, part: Batch<O>) {
    let part = Arc::new(part);
    if !part.is_awaited() {
        return;
    }
    let done = queue.operation.run(&queue.db, &part).await;
    if part.requests.len() == 1 || !done.as_ref().is_err_and(was_rejected) {
        part.settle(&queue.operation, &done);
    } else if let Some(part) = Arc::into_inner(part) {
        send_singles(queue, part, &done).await;
    }
}

/// Sends the requests of a rejected batch with one key, one after the other, so that only the faulty one fails.
async fn send_singles<O: Operation>(queue: &Queue<O>, batch: Batch<O>, rejected: &Result<(), Error>) {
    if rejected.as_ref().is_err_and(is_locked) {
        // All of them wait for the same lock, so none of them would get it alone.
        batch.settle(&queue.operation, rejected);
        return;
    }
    for one in batch.singles() {
        let one = Arc::new(one);
        if one.is_awaited() {
            one.settle(&queue.operation, &queue.operation.run(&queue.db, &one).await);
        }
    }
}

fn was_rejected(error: &Error) -> bool {
    fault(error).is_some_and(Fault::was_rejected)
}

fn is_locked(error: &Error) -> bool {
    fault(error) == Some(Fault::LockTimeout)
}

fn fault(error: &Error) -> Option<Fault> {
    match error {
        Error::Database(cause) | Error::Unavailable(cause) => Some(Fault::of(&cause.0)),
        _ => None,
    }
}
