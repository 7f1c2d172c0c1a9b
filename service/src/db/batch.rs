//! Natural batching: what waits while a statement is under way goes into the next one together.
//!
//! A lone request is sent at once. While it is under way, others of its kind queue; when it returns, all that wait become one
//! statement for a set, and each gets its own answer. No request waits for others to come, and nothing waits that need not: one round trip, one
//! plan and one commit are shared by as many requests as the load itself brings together.

use std::collections::HashSet;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{DEADLINE, Db};
use crate::Error;

/// How long the next set waits for the one under way. A set that takes longer waits for something of its own (a row that is
/// locked, a connection that nobody answers on), which is no reason for the others to wait too.
const PATIENCE: Duration = Duration::from_millis(100);
/// With how many sets of a kind under way the next one waits all the same: each holds a connection.
const MOST_UNDER_WAY: usize = 4;

/// One kind of request that is answered in sets.
pub(crate) trait Batch: Sized + Send + Sync + 'static {
    /// What one caller asks.
    type Request: Send + Sync + 'static;
    /// What that caller is answered.
    type Answer: Send + 'static;
    /// What no two requests under way have in common: the later one waits, so that their order is that of their arrival.
    type Key: Eq + Hash + Copy + Send;
    /// The most requests of a set.
    const MOST: usize;

    /// The queue of this kind.
    fn queue(db: &Db) -> &Queue<Self>;

    /// What must be unique among those under way, if anything.
    fn key(request: &Self::Request) -> Option<Self::Key>;

    /// One statement for all of them: all are done or none. As many answers, in the order of the requests.
    fn run(db: &Db, requests: Arc<Vec<Self::Request>>)
    -> impl Future<Output = Result<Vec<Self::Answer>, Error>> + Send;
}

/// The requests of a kind that wait, and what of it is under way.
pub(crate) struct Queue<B: Batch>(Mutex<State<B>>);

struct State<B: Batch> {
    waiting: Vec<Waiting<B>>,
    /// Somebody puts sets together.
    is_running: bool,
    /// Sets under way; more than one only where one is late.
    under_way: usize,
    /// Of the requests in them.
    keys: HashSet<B::Key>,
}

struct Waiting<B: Batch> {
    request: B::Request,
    caller: oneshot::Sender<Result<B::Answer, Error>>,
}

impl<B: Batch> Default for Queue<B> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: Vec::new(), is_running: false, under_way: 0, keys: HashSet::new() }))
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
    B::queue(db).state().waiting.push(Waiting { request, caller });
    start::<B>(db);
    let given_up = |what: &str| Error::Unavailable(DbErr::Custom(what.to_owned()));
    match timeout(DEADLINE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(given_up("the set that this request was in was given up")),
        Err(_) => Err(given_up("no answer in time")),
    }
}

/// Sees to it that somebody puts sets together. A task of its own: the caller who happens to be first may hang up, and takes
/// nobody along.
fn start<B: Batch>(db: &Db) {
    if !std::mem::replace(&mut B::queue(db).state().is_running, true) {
        tokio::spawn(run_all(Running::<B> { db: db.clone(), is_over: false, kind: PhantomData }));
    }
}

/// The place of the one task that puts sets of a kind together.
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
            let mut state = B::queue(&self.db).state();
            state.waiting.clear();
            state.is_running = false;
        }
    }
}

async fn run_all<B: Batch>(mut running: Running<B>) {
    loop {
        let set = {
            let mut state = B::queue(&running.db).state();
            let set = next_set(&mut state);
            if set.is_empty() {
                // Under the lock: whoever comes next finds the place free.
                state.is_running = false;
                running.is_over = true;
                return;
            }
            set
        };
        let keys = set.iter().filter_map(|one| B::key(&one.request)).collect();
        let under_way = UnderWay::<B> { db: running.db.clone(), keys };
        let mut sent = tokio::spawn(run_set(under_way, set));
        let is_late = timeout(PATIENCE, &mut sent).await.is_err();
        if is_late && B::queue(&running.db).state().under_way >= MOST_UNDER_WAY {
            // How it ended is told to its callers.
            let _ = sent.await;
        }
    }
}

/// A set that was sent; when it goes, by whatever way, so do its keys.
struct UnderWay<B: Batch> {
    db: Db,
    keys: Vec<B::Key>,
}

impl<B: Batch> Drop for UnderWay<B> {
    fn drop(&mut self) {
        let has_waiting = {
            let mut state = B::queue(&self.db).state();
            state.under_way -= 1;
            for key in &self.keys {
                state.keys.remove(key);
            }
            !state.waiting.is_empty()
        };
        // What waited for one of the keys; where the runtime itself ends, there is nobody to answer.
        if has_waiting && Handle::try_current().is_ok() {
            start::<B>(&self.db);
        }
    }
}

/// The next requests, in the order of their arrival; whoever hung up is left out, and what shares a key with one under way
/// waits, and all of that key behind it.
fn next_set<B: Batch>(state: &mut State<B>) -> Vec<Waiting<B>> {
    let (mut set, mut later) = (Vec::new(), Vec::new());
    for one in take(&mut state.waiting) {
        if one.caller.is_closed() {
            continue;
        }
        let fits = set.len() < B::MOST && B::key(&one.request).is_none_or(|key| state.keys.insert(key));
        if fits { set.push(one) } else { later.push(one) }
    }
    state.waiting = later;
    state.under_way += usize::from(!set.is_empty());
    set
}

async fn run_set<B: Batch>(under_way: UnderWay<B>, set: Vec<Waiting<B>>) {
    let db = &under_way.db;
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
