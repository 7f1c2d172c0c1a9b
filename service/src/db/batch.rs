//! Natural batching: what waits while a statement is under way goes into the next one together.
//!
//! A lone request is sent at once. While it is under way, others of its kind queue; when it returns, all that wait become one
//! statement for a set, and each gets its own answer. There is no timer, and nothing waits that need not: one round trip, one
//! plan and one commit are shared by as many requests as the load itself brings together.

use std::collections::HashSet;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{DEADLINE, Db};
use crate::Error;

/// One kind of request that is answered in sets.
pub(crate) trait Batch: Sized + Send + Sync + 'static {
    /// What one caller asks.
    type Request: Send + Sync + 'static;
    /// What that caller is answered.
    type Answer: Send + 'static;
    /// What no two requests of a set have in common: the later one waits for the next set.
    type Key: Eq + Hash;
    /// The most requests of a set.
    const MOST: usize;

    /// The queue of this kind.
    fn queue(db: &Db) -> &Queue<Self>;

    /// What must be unique in a set, if anything.
    fn key(request: &Self::Request) -> Option<Self::Key>;

    /// One statement for all of them: all are done or none. As many answers, in the order of the requests.
    fn run(db: &Db, requests: Arc<Vec<Self::Request>>)
    -> impl Future<Output = Result<Vec<Self::Answer>, Error>> + Send;
}

/// The requests of a kind that wait, and whether a set of them is under way.
pub(crate) struct Queue<B: Batch>(Mutex<State<B>>);

struct State<B: Batch> {
    waiting: Vec<Waiting<B>>,
    is_running: bool,
}

struct Waiting<B: Batch> {
    request: B::Request,
    caller: oneshot::Sender<Result<B::Answer, Error>>,
}

impl<B: Batch> Default for Queue<B> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: Vec::new(), is_running: false }))
    }
}

impl<B: Batch> Queue<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a request answered together with the others that come meanwhile.
///
/// # Errors
/// What the statement answers to this request; a failure of the set that is another's fault is none of this one's. After
/// ten seconds [`Error::Unavailable`].
pub(crate) async fn ask<B: Batch>(db: &Db, request: B::Request) -> Result<B::Answer, Error> {
    let (caller, answer) = oneshot::channel();
    let is_first = {
        let mut state = B::queue(db).state();
        state.waiting.push(Waiting { request, caller });
        !std::mem::replace(&mut state.is_running, true)
    };
    if is_first {
        // A task of its own: the caller who happens to be first may hang up, and takes nobody along.
        tokio::spawn(run_all(Running::<B> { db: db.clone(), is_over: false, kind: PhantomData }));
    }
    let given_up = |what: &str| Error::Unavailable(DbErr::Custom(what.to_owned()));
    match timeout(DEADLINE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(given_up("the set that this request was in was given up")),
        Err(_) => Err(given_up("no answer in time")),
    }
}

/// Holds the place of the one task that runs sets of a kind.
struct Running<B: Batch> {
    db: Db,
    /// The place was given back in good order.
    is_over: bool,
    kind: PhantomData<B>,
}

impl<B: Batch> Drop for Running<B> {
    fn drop(&mut self) {
        if !self.is_over {
            // A defect, or the end of the runtime: those who wait are told at once.
            *B::queue(&self.db).state() = State { waiting: Vec::new(), is_running: false };
        }
    }
}

async fn run_all<B: Batch>(mut running: Running<B>) {
    loop {
        let set = {
            let mut state = B::queue(&running.db).state();
            let set = next_set::<B>(&mut state.waiting);
            if set.is_empty() {
                // Under the lock: whoever comes next finds the place free.
                state.is_running = false;
                running.is_over = true;
                return;
            }
            set
        };
        run_set::<B>(&running.db, set).await;
    }
}

/// The next requests, in the order of their arrival; whoever hung up is left out, and what shares a key with an earlier one
/// waits, and all of that key behind it.
fn next_set<B: Batch>(waiting: &mut Vec<Waiting<B>>) -> Vec<Waiting<B>> {
    let (mut set, mut keys) = (Vec::new(), HashSet::new());
    let mut later = Vec::new();
    for one in take(waiting) {
        if one.caller.is_closed() {
            continue;
        }
        let is_new = B::key(&one.request).is_none_or(|key| keys.insert(key));
        if is_new && set.len() < B::MOST { set.push(one) } else { later.push(one) }
    }
    *waiting = later;
    set
}

async fn run_set<B: Batch>(db: &Db, set: Vec<Waiting<B>>) {
    let (requests, callers): (Vec<_>, Vec<_>) = set.into_iter().map(|one| (one.request, one.caller)).unzip();
    let requests = Arc::new(requests);
    match B::run(db, Arc::clone(&requests)).await {
        Ok(answers) => {
            for (caller, answer) in callers.into_iter().zip(answers) {
                // Whoever does not listen any more need not know.
                let _ = caller.send(Ok(answer));
            }
        }
        Err(error) if requests.len() > 1 && was_refused(&error) => {
            // Nothing was done. Each alone, so that the one whose fault it was gets that answer, and nobody else.
            for (request, caller) in Arc::into_inner(requests).unwrap_or_default().into_iter().zip(callers) {
                let answer = B::run(db, Arc::new(vec![request])).await;
                let _ = caller.send(answer.map(|mut answers| answers.remove(0)));
            }
        }
        Err(error) => {
            for caller in callers {
                let _ = caller.send(Err(again(&error)));
            }
        }
    }
}

/// Whether the database itself answered that it does not do this.
fn was_refused(error: &Error) -> bool {
    let Error::Database(DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    matches!(**cause, SqlxError::Database(_))
}

/// The same failure for the next caller.
fn again(error: &Error) -> Error {
    match error {
        Error::NotFound => Error::NotFound,
        Error::NotOwner => Error::NotOwner,
        Error::InvalidCursor => Error::InvalidCursor,
        Error::Unavailable(cause) => Error::Unavailable(cause.clone()),
        Error::Database(cause) => Error::Database(cause.clone()),
    }
}
