use std::collections::HashSet;
use std::mem::{replace, take};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::batch::{Batch, Waiter};
use super::runner::Runner;
use super::{Lane, Operation, lock};
use crate::db::{ACQUIRE_TIMEOUT, DEADLINE, Db};
use crate::{Cause, Error};

/// The queue of one operation: the requests that wait, and what is in flight.
pub(crate) struct Queue<O: Operation> {
    pub(super) operation: O,
    pub(super) db: Db,
    pub(super) lane: Arc<Lane>,
    state: Mutex<QueueState<O>>,
    /// Notified when a batch has ended.
    pub(super) batch_ended: Notify,
}

pub(super) struct QueueState<O: Operation> {
    pub(super) waiting: Vec<Waiting<O>>,
    /// A runner sends batches.
    pub(super) is_running: bool,
    /// The number of batches in flight. It is more than one only if a batch is late.
    pub(super) in_flight: usize,
    /// The keys of the requests in flight.
    pub(super) keys: HashSet<O::Key>,
}

pub(super) struct Waiting<O: Operation> {
    request: O::Request,
    waiter: Waiter<O>,
    since: Instant,
}

impl<O: Operation> Queue<O> {
    /// An empty queue that sends its batches to `db` and shares the turns of `lane`.
    pub(crate) fn new(operation: O, db: Db, lane: Arc<Lane>) -> Arc<Self> {
        let state = QueueState { waiting: Vec::new(), is_running: false, in_flight: 0, keys: HashSet::new() };
        Arc::new(Self { operation, db, lane, state: Mutex::new(state), batch_ended: Notify::new() })
    }

    /// Sends a request, together with the others that wait, and returns its answer.
    ///
    /// # Errors
    /// The error of the statement, if it concerns this request: a failing request does not fail its batch.
    /// [`Error::Unavailable`] after five seconds in the queue, or ten seconds in all.
    pub(crate) async fn ask(self: &Arc<Self>, request: O::Request) -> Result<O::Answer, Error> {
        let (waiter, answer) = oneshot::channel();
        self.state().waiting.push(Waiting { request, waiter, since: Instant::now() });
        self.start();
        match timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unavailable("the batch of this request was abandoned")),
            Err(_) => Err(unavailable("no answer in time")),
        }
    }

    /// Starts a runner if there is none. It is a task of its own, because the caller whose request is first may hang up.
    pub(super) fn start(self: &Arc<Self>) {
        if !replace(&mut self.state().is_running, true) {
            tokio::spawn(Runner::new(Arc::clone(self)).run());
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, QueueState<O>> {
        lock(&self.state)
    }
}

impl<O: Operation> QueueState<O> {
    /// Takes the next batch: up to `max` requests in the order of their arrival. Requests of callers that hung up are dropped. A
    /// request whose key is in flight waits, and so do all later requests with that key.
    pub(super) fn next_batch(&mut self, max: usize) -> Batch<O> {
        let (mut batch, mut later) = (Vec::new(), Vec::new());
        let now = Instant::now();
        for one in take(&mut self.waiting) {
            if one.waiter.is_closed() {
                continue;
            }
            if now.saturating_duration_since(one.since) > ACQUIRE_TIMEOUT {
                // Drop it: the rest of its time is too short for the statement, and its caller must not learn later that the
                // write happened after all.
                let _ = one.waiter.send(Err(unavailable("it waited too long to be sent")));
                continue;
            }
            let fits = batch.len() < max && O::key(&one.request).is_none_or(|key| self.keys.insert(key));
            if fits { batch.push((one.request, Some(one.waiter))) } else { later.push(one) }
        }
        self.waiting = later;
        self.in_flight += usize::from(!batch.is_empty());
        Batch::new(batch)
    }
}

fn unavailable(reason: &str) -> Error {
    Error::Unavailable(Cause::of(reason))
}
