use std::collections::{HashMap, HashSet};
use std::mem::{replace, take};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::batch::{Batch, Waiter};
use super::holds::Wake;
use super::runner::Runner;
use super::{Mix, Operation, Plan, lock};
use crate::db::{ACQUIRE_TIMEOUT, DEADLINE, Db};
use crate::{Cause, Error};

/// The queue of one operation: the requests that wait, and what is in flight.
pub(crate) struct Queue<O: Operation> {
    pub(super) operation: O,
    pub(super) db: Db,
    pub(super) plan: Plan<O::Key>,
    /// A number that no other queue of the process has.
    number: usize,
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
}

pub(super) struct Waiting<O: Operation> {
    request: O::Request,
    waiter: Waiter<O>,
    since: Instant,
}

impl<O: Operation> Queue<O> {
    /// An empty queue that sends its batches to `db`.
    pub(crate) fn new(operation: O, db: Db, plan: Plan<O::Key>) -> Arc<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let state = Mutex::new(QueueState { waiting: Vec::new(), is_running: false, in_flight: 0 });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { operation, db, plan, number, state, batch_ended: Notify::new() })
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

    /// The function that starts a runner on the thread of this queue, from any thread.
    fn wake(self: &Arc<Self>) -> Wake {
        let (queue, runtime) = (Arc::clone(self), Handle::current());
        Arc::new(move || {
            if !replace(&mut queue.state().is_running, true) {
                runtime.spawn(Runner::new(Arc::clone(&queue)).run());
            }
        })
    }

    /// Takes the next batch: up to the maximum of requests, in the order of their arrival. Requests of callers that hung up are
    /// dropped. A request whose key is in flight waits.
    pub(super) fn next_batch(self: &Arc<Self>, state: &mut QueueState<O>) -> Batch<O> {
        let max = self.operation.max_batch();
        let Plan { mix, holds, .. } = &self.plan;
        let has_keys = holds.is_some() || *mix != Mix::Any;
        let (mut batch, mut later) = (Vec::new(), Vec::new());
        // The keys of the batch, each with the number of its requests, and those that are in flight.
        let (mut keys, mut refused, mut rows) = (HashMap::<O::Key, usize>::new(), HashSet::new(), HashSet::new());
        let mut taking = None;
        let mut takes = |key: &O::Key| {
            if let Some(requests) = keys.get_mut(key) {
                let fits = !matches!(mix, Mix::AtMostOfOneKey(most) if *requests >= *most);
                *requests += usize::from(fits);
                return fits;
            }
            if refused.contains(key) || (*mix == Mix::OneKey && !keys.is_empty()) {
                return false;
            }
            let is_taken = holds.as_ref().is_none_or(|holds| {
                taking.get_or_insert_with(|| holds.taking()).take(key, self.number, || self.wake())
            });
            if is_taken {
                keys.insert(key.clone(), 1);
            } else {
                refused.insert(key.clone());
            }
            is_taken
        };
        let now = Instant::now();
        for one in take(&mut state.waiting) {
            if one.waiter.is_closed() {
                continue;
            }
            if now.saturating_duration_since(one.since) > ACQUIRE_TIMEOUT {
                // Drop it: the rest of its time is too short for the statement, and its caller must not learn later that the
                // write happened after all.
                let _ = one.waiter.send(Err(unavailable("it waited too long to be sent")));
                continue;
            }
            let key = if has_keys { O::key(&one.request) } else { None };
            let row = O::row(&one.request);
            let mut is_first = |key: &O::Key| row.is_none_or(|row| rows.insert((key.clone(), row)));
            let fits = batch.len() < max && key.as_ref().is_none_or(|key| takes(key) && is_first(key));
            if fits { batch.push((one.request, Some(one.waiter))) } else { later.push(one) }
        }
        drop(taking);
        state.waiting = later;
        state.in_flight += usize::from(!batch.is_empty());
        Batch::new(batch, self.db.layout())
    }

    /// Frees keys that were in flight.
    pub(super) fn release(&self, keys: impl IntoIterator<Item = O::Key>) {
        if let Some(holds) = &self.plan.holds {
            holds.release(keys);
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, QueueState<O>> {
        lock(&self.state)
    }
}

fn unavailable(reason: &str) -> Error {
    Error::Unavailable(Cause::of(reason))
}
