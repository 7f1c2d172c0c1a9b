//! Limits how many statements of unknown cost run at a time, and gives turns among the users that wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::{Error, UserId};

/// The limits of one class of statements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The maximum number of statements of one user that run at a time, in the whole process.
    pub(crate) running_per_user: usize,
    /// The maximum number of statements of one user that wait, in the whole process.
    pub(crate) waiting_per_user: usize,
    /// The maximum time that a statement waits.
    pub(crate) wait: Duration,
}

/// How long a statement may wait for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Within [`Limits::waiting_per_user`] and [`Limits::wait`].
    Limited,
    /// As long as it takes. For the later parts of an answer that has begun, which must not be cut off.
    Unlimited,
}

/// A class of statements that share a number of places for each worker.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    workers: Vec<Worker>,
    users: HashMap<UserId, Usage>,
    next_waiter: u64,
}

/// The places of one worker, and the statements that wait for one.
#[derive(Debug)]
struct Worker {
    free: usize,
    /// The users who wait, in the order of their turns. Each is there once.
    turns: VecDeque<UserId>,
    waiting: HashMap<UserId, VecDeque<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    wait: Wait,
    admitted: oneshot::Sender<Permit>,
}

/// What one user has in all workers.
#[derive(Debug, Default)]
struct Usage {
    running: usize,
    /// Without those that may wait as long as it takes.
    waiting: usize,
}

/// The permission to run one statement. Its place is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    user: UserId,
    worker: usize,
}

impl Admission {
    /// A class with `places` places for each worker.
    pub(crate) fn new(limits: Limits, places: impl IntoIterator<Item = usize>) -> Self {
        let worker = |free| Worker { free, turns: VecDeque::new(), waiting: HashMap::new() };
        let workers = places.into_iter().map(worker).collect();
        Self { limits, state: Mutex::new(State { workers, users: HashMap::new(), next_waiter: 0 }) }
    }

    /// Waits for a place of this worker.
    ///
    /// # Errors
    /// [`Error::Busy`] if the user has too many waiting statements, or if the wait is over.
    pub(crate) async fn admit(self: &Arc<Self>, user: &UserId, worker: usize, wait: Wait) -> Result<Permit, Error> {
        let (number, admitted) = self.enqueue(user, worker, wait)?;
        // Removes the waiter, whether the wait is over or the caller has hung up.
        let _waiting = Waiting { admission: self, user, worker, number };
        match wait {
            Wait::Limited => timeout(self.limits.wait, admitted).await.map_err(|_| Error::Busy)?,
            Wait::Unlimited => admitted.await,
        }
        .map_err(|_| Error::Busy)
    }

    fn enqueue(
        self: &Arc<Self>,
        user: &UserId,
        worker: usize,
        wait: Wait,
    ) -> Result<(u64, oneshot::Receiver<Permit>), Error> {
        let mut guard = self.state();
        let state = &mut *guard;
        let usage = state.users.entry(user.clone()).or_default();
        if wait == Wait::Limited {
            // A statement that is admitted at once does not count, so one place more than the limit cannot be taken.
            if usage.waiting >= self.limits.waiting_per_user {
                return Err(Error::Busy);
            }
            usage.waiting += 1;
        }
        state.next_waiter += 1;
        let number = state.next_waiter;
        let (admitted, receiver) = oneshot::channel();
        let at = &mut state.workers[worker];
        let queue = at.waiting.entry(user.clone()).or_default();
        if queue.is_empty() {
            at.turns.push_back(user.clone());
        }
        queue.push_back(Waiter { number, wait, admitted });
        let refused = self.fill(state, worker);
        drop(guard);
        drop(refused);
        Ok((number, receiver))
    }

    /// Gives the free places of a worker to those whose turn it is. Returns the permits of callers that have hung up, which must
    /// be dropped without the lock.
    fn fill(self: &Arc<Self>, state: &mut State, worker: usize) -> Vec<Permit> {
        let mut refused = Vec::new();
        let State { workers, users, .. } = state;
        let at = &mut workers[worker];
        while at.free > 0 {
            let may_run =
                |user: &UserId| users.get(user).is_none_or(|usage| usage.running < self.limits.running_per_user);
            let Some(user) = at.turns.iter().position(may_run).and_then(|turn| at.turns.remove(turn)) else { break };
            let Some(queue) = at.waiting.get_mut(&user) else { continue };
            let waiter = queue.pop_front();
            if queue.is_empty() {
                at.waiting.remove(&user);
            } else {
                at.turns.push_back(user.clone());
            }
            let Some(waiter) = waiter else { continue };
            at.free -= 1;
            let usage = users.entry(user.clone()).or_default();
            usage.running += 1;
            usage.waiting -= usize::from(waiter.wait == Wait::Limited);
            refused.extend(waiter.admitted.send(Permit { admission: Arc::clone(self), user, worker }).err());
        }
        refused
    }

    fn release(self: &Arc<Self>, user: &UserId, worker: usize) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.workers[worker].free += 1;
        if let Some(usage) = state.users.get_mut(user) {
            usage.running -= 1;
        }
        state.forget_idle(user);
        // The user may also wait for a place of another worker.
        let refused: Vec<_> = (0..state.workers.len()).flat_map(|worker| self.fill(state, worker)).collect();
        drop(guard);
        drop(refused);
    }

    fn leave(&self, user: &UserId, worker: usize, number: u64) {
        let mut guard = self.state();
        let state = &mut *guard;
        let at = &mut state.workers[worker];
        let Some(queue) = at.waiting.get_mut(user) else { return };
        let Some(place) = queue.iter().position(|waiter| waiter.number == number) else { return };
        let waiter = queue.remove(place);
        if queue.is_empty() {
            at.waiting.remove(user);
            at.turns.retain(|turn| turn != user);
        }
        if let (Some(usage), Some(Wait::Limited)) = (state.users.get_mut(user), waiter.map(|waiter| waiter.wait)) {
            usage.waiting -= 1;
        }
        state.forget_idle(user);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was locked is a defect of this file, and no reason to refuse every request after it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes a user who has nothing, so that memory grows only with the active ones.
    fn forget_idle(&mut self, user: &UserId) {
        let waits = self.workers.iter().any(|worker| worker.waiting.contains_key(user));
        if !waits && self.users.get(user).is_some_and(|usage| usage.running == 0 && usage.waiting == 0) {
            self.users.remove(user);
        }
    }
}

/// A statement that waits.
struct Waiting<'a> {
    admission: &'a Admission,
    user: &'a UserId,
    worker: usize,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.admission.leave(self.user, self.worker, self.number);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.release(&self.user, self.worker);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LIMITS: Limits = Limits { running_per_user: 2, waiting_per_user: 3, wait: Duration::from_hours(1) };

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn with_places(places: &[usize]) -> Arc<Admission> {
        Arc::new(Admission::new(LIMITS, places.iter().copied()))
    }

    #[tokio::test]
    async fn a_user_runs_two_statements_at_a_time_even_if_there_are_more_places() {
        let admission = with_places(&[4, 4]);
        let (alice, bob) = (user("alice"), user("bob"));
        let first = admission.admit(&alice, 0, Wait::Limited).await.unwrap();
        let _second = admission.admit(&alice, 1, Wait::Limited).await.unwrap();
        let mut third = Box::pin(admission.admit(&alice, 1, Wait::Limited));
        assert!(third.as_mut().now_or_never().is_none());
        let _other = admission.admit(&bob, 1, Wait::Limited).await.unwrap();
        drop(first);
        third.await.unwrap();
    }

    #[tokio::test]
    async fn users_take_turns_however_many_statements_each_has_waiting() {
        let admission = with_places(&[1]);
        let (alice, bob) = (user("alice"), user("bob"));
        let running = admission.admit(&alice, 0, Wait::Limited).await.unwrap();
        let mut of_alice: Vec<_> = (0..3).map(|_| Box::pin(admission.admit(&alice, 0, Wait::Limited))).collect();
        for waiting in &mut of_alice {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut of_bob = Box::pin(admission.admit(&bob, 0, Wait::Limited));
        assert!(of_bob.as_mut().now_or_never().is_none());
        drop(running);
        let first = of_alice.remove(0).await.unwrap();
        assert!(of_bob.as_mut().now_or_never().is_none());
        drop(first);
        of_bob.now_or_never().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_user_over_the_limit_of_waiting_statements_is_refused_at_once() {
        let admission = with_places(&[1]);
        let (alice, bob) = (user("alice"), user("bob"));
        let _running = admission.admit(&alice, 0, Wait::Limited).await.unwrap();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(admission.admit(&alice, 0, Wait::Limited))).collect();
        for waiting in &mut waiting {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        assert!(matches!(admission.admit(&alice, 0, Wait::Limited).await, Err(Error::Busy)));
        assert!(admission.admit(&alice, 0, Wait::Unlimited).now_or_never().is_none());
        assert!(admission.admit(&bob, 0, Wait::Limited).now_or_never().is_none());
        // One that gives up makes room for another.
        waiting.pop();
        assert!(admission.admit(&alice, 0, Wait::Limited).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_statement_that_waits_too_long_is_refused_and_leaves_nothing_behind() {
        let admission = Arc::new(Admission::new(Limits { wait: Duration::from_millis(1), ..LIMITS }, [1]));
        let running = admission.admit(&user("alice"), 0, Wait::Limited).await.unwrap();
        assert!(matches!(admission.admit(&user("bob"), 0, Wait::Limited).await, Err(Error::Busy)));
        drop(running);
        let state = admission.state();
        assert!(state.users.is_empty() && state.workers[0].waiting.is_empty() && state.workers[0].turns.is_empty());
        assert_eq!(state.workers[0].free, 1);
    }
}
