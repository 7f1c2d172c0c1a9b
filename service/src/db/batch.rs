//! Natural batching: what waits while a statement is under way goes into the next one together.
//!
//! A lone request is sent at once. While it is under way, others of its kind queue; when it returns, all that wait become one
//! statement for a set, and each gets its own answer. Nothing waits for requests that have not arrived, by no timer: one round
//! trip and one commit are shared by as many requests as the load itself brings together. Kinds that share a [`Lane`] take
//! turns, so that the machine is shared by few large sets and not by many small ones. Only a set that is late is not waited for.

use std::collections::HashSet;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::{DatabaseConnection, DbErr, SqlxError};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::kept::{Kept, Lane};
use super::{ACQUIRE, DEADLINE, Db, outage};
use crate::Error;

/// How long a set may keep the other kinds from their turn; most take a tenth of it.
const TURN: Duration = Duration::from_millis(10);
/// How long the next set of a kind waits, after that, for the one under way. A set that takes longer waits for something of its
/// own (a row that is locked, a connection that nobody answers on), which is no reason for the others to wait too.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often to look for more requests before a set is sent, at most: else a few that trickle in would keep those that are there.
const MOST_LOOKS: usize = 16;
/// With how many sets of a kind under way the next one waits all the same: each holds a connection.
const MOST_UNDER_WAY: usize = 4;

/// One kind of request that is answered in sets.
pub(crate) trait Batch: Sized + Send + Sync + 'static {
    /// What one caller asks.
    type Request: Send + Sync + 'static;
    /// What that caller is answered.
    type Answer: Send + 'static;
    /// What no two requests under way have in common: the later one waits, so that their order is that of their arrival.
    type Key: Eq + Hash + Clone + Send;
    /// The most requests of a set.
    const MOST: usize;

    /// The queue of this kind.
    fn queue(db: &Db) -> &Queue<Self>;

    /// Whose turns it shares.
    fn lane(db: &Db) -> &Lane;

    /// What must be unique among those under way, if anything.
    fn key(request: &Self::Request) -> Option<Self::Key>;

    /// One statement for all of them: all are done or none. Each answer goes to its place in the set as soon as it is sure; an
    /// answer that cannot be read is a failure of its own.
    fn run(db: &Db, set: &Arc<Set<Self>>) -> impl Future<Output = Result<(), Error>> + Send;

    /// What is answered where no row came for a request.
    fn nothing() -> Result<Self::Answer, DbErr>;
}

/// What is asked together, and who asks.
pub(crate) struct Set<B: Batch> {
    /// In the order of their arrival.
    pub(crate) requests: Vec<B::Request>,
    /// At the same places; whoever was answered is gone.
    callers: Mutex<Vec<Option<Caller<B>>>>,
    /// PostgreSQL's, where the lane had one.
    connection: Mutex<Option<Kept>>,
}

type Caller<B> = oneshot::Sender<Result<<B as Batch>::Answer, Error>>;

impl<B: Batch> Set<B> {
    fn new(set: impl IntoIterator<Item = (B::Request, Option<Caller<B>>)>) -> Self {
        let (requests, callers) = set.into_iter().unzip();
        Self { requests, callers: Mutex::new(callers), connection: Mutex::new(None) }
    }

    /// What its statement goes over: the lane's connection, or one out of this pool, which a failed statement's goes back to.
    pub(crate) async fn connection(&self, db: &DatabaseConnection) -> Result<Kept, DbErr> {
        let kept = lock(&self.connection).take();
        match kept {
            Some(kept) => Ok(kept),
            None => Kept::acquire(db.get_postgres_connection_pool()).await,
        }
    }

    /// Leaves the connection of a statement that was answered for the lane's next set.
    pub(crate) fn keep(&self, connection: Kept) {
        *lock(&self.connection) = Some(connection);
    }

    /// Answers the request at this place; the first answer counts.
    pub(crate) fn answer(&self, place: usize, answer: Result<B::Answer, DbErr>) {
        let caller = self.callers().get_mut(place).and_then(Option::take);
        if let Some(caller) = caller {
            // Whoever does not listen any more need not know.
            let _ = caller.send(answer.map_err(Error::Database));
        }
    }

    /// Answers all those that still wait when the statement is over.
    fn settle(&self, done: &Result<(), Error>) {
        for caller in self.callers().iter_mut().filter_map(Option::take) {
            let _ = caller.send(match done {
                Ok(()) => B::nothing().map_err(Error::Database),
                Err(error) => Err(again(error)),
            });
        }
    }

    /// Each of those that still wait alone.
    fn split(self) -> impl Iterator<Item = Self> {
        let callers = self.callers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let all = self.requests.into_iter().zip(callers);
        all.filter(|(_, caller)| caller.is_some()).map(|one| Self::new([one]))
    }

    fn is_awaited(&self) -> bool {
        self.callers().iter().flatten().any(|caller| !caller.is_closed())
    }

    fn callers(&self) -> MutexGuard<'_, Vec<Option<Caller<B>>>> {
        lock(&self.callers)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The requests of a kind that wait, and what of it is under way.
pub(crate) struct Queue<B: Batch> {
    state: Mutex<State<B>>,
    /// A set has ended.
    ended: Notify,
}

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
    caller: Caller<B>,
    since: Instant,
}

impl<B: Batch> Default for Queue<B> {
    fn default() -> Self {
        let state = State { waiting: Vec::new(), is_running: false, under_way: 0, keys: HashSet::new() };
        Self { state: Mutex::new(state), ended: Notify::new() }
    }
}

impl<B: Batch> Queue<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        lock(&self.state)
    }
}

/// Has a request answered together with the others that come meanwhile.
///
/// # Errors
/// What the statement answers to this request; a failure of the set that is another's fault is none of this one's. After
/// five seconds in the queue, or ten in all, [`Error::Unavailable`].
pub(crate) async fn ask<B: Batch>(db: &Db, request: B::Request) -> Result<B::Answer, Error> {
    let (caller, answer) = oneshot::channel();
    B::queue(db).state().waiting.push(Waiting { request, caller, since: Instant::now() });
    start::<B>(db);
    match timeout(DEADLINE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(unavailable("the set that this request was in was given up")),
        Err(_) => Err(unavailable("no answer in time")),
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

impl<B: Batch> Running<B> {
    /// Gives the place back where this holds, under the lock: whoever comes next finds it free.
    fn ends_where(&mut self, holds: impl FnOnce(&mut State<B>) -> bool) -> bool {
        let mut state = B::queue(&self.db).state();
        if holds(&mut state) {
            state.is_running = false;
            self.is_over = true;
        }
        self.is_over
    }
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
    let db = running.db.clone();
    loop {
        if running.ends_where(|state| state.waiting.is_empty()) {
            return;
        }
        let mut turn = B::lane(&db).lock().await;
        gather::<B>(&db).await;
        let mut set = Set::new([]);
        let is_empty = |state: &mut State<B>| {
            set = next_set(state);
            set.requests.is_empty()
        };
        if running.ends_where(is_empty) {
            *turn = turn.take().and_then(|kept| kept.trusted(&db));
            return;
        }
        *lock(&set.connection) = turn.take().and_then(|kept| kept.trusted(&db));
        let keys = Mutex::new(set.requests.iter().filter_map(B::key).collect());
        let under_way = UnderWay::<B> { db: db.clone(), keys };
        // It is large, and the runtime moves what it runs several times.
        let mut on_its_way = tokio::spawn(Box::pin(run_set(under_way, set)));
        if let Ok(over) = timeout(TURN, &mut on_its_way).await {
            *turn = over.ok().flatten().and_then(|kept: Kept| kept.stay(&db, B::lane));
        } else {
            drop(turn);
            if timeout(PATIENCE, on_its_way).await.is_ok() {
                continue;
            }
            let queue = B::queue(&db);
            loop {
                let ended = queue.ended.notified();
                if queue.state().under_way < MOST_UNDER_WAY {
                    break;
                }
                ended.await;
            }
        }
    }
}

/// Looks for more requests before a set is sent, until a look brings nothing more, or the set is full: else a crowd's first
/// request, which is the first to be read, goes alone, and all others after it. A look takes what all that is ready takes, and a
/// microsecond or two where nothing is.
async fn gather<B: Batch>(db: &Db) {
    let mut seen = 0;
    for _ in 0..MOST_LOOKS {
        // The runtime comes back to us when it has looked for what arrived meanwhile.
        yield_now().await;
        let waiting = B::queue(db).state().waiting.len();
        if waiting == seen || waiting >= B::MOST {
            return;
        }
        seen = waiting;
    }
}

/// A set that was sent; when it goes, by whatever way, so do its keys.
struct UnderWay<B: Batch> {
    db: Db,
    keys: Mutex<HashSet<B::Key>>,
}

impl<B: Batch> UnderWay<B> {
    /// Lets those behind this key go on before the rest of the set has ended.
    fn release(&self, key: &B::Key) {
        // Once only: the next set may have the key by the time that this one ends.
        if lock(&self.keys).remove(key) {
            B::queue(&self.db).state().keys.remove(key);
            start_waiting::<B>(&self.db);
        }
    }
}

impl<B: Batch> Drop for UnderWay<B> {
    fn drop(&mut self) {
        {
            let mut state = B::queue(&self.db).state();
            state.under_way -= 1;
            for key in self.keys.get_mut().unwrap_or_else(PoisonError::into_inner).iter() {
                state.keys.remove(key);
            }
        }
        B::queue(&self.db).ended.notify_waiters();
        start_waiting::<B>(&self.db);
    }
}

/// Sends what waited for a key; where the runtime itself ends, there is nobody to answer.
fn start_waiting<B: Batch>(db: &Db) {
    let has_waiting = !B::queue(db).state().waiting.is_empty();
    if has_waiting && Handle::try_current().is_ok() {
        start::<B>(db);
    }
}

/// The next requests, in the order of their arrival; whoever hung up is left out, and what shares a key with one under way
/// waits, and all of that key behind it.
fn next_set<B: Batch>(state: &mut State<B>) -> Set<B> {
    let (mut set, mut later) = (Vec::new(), Vec::new());
    let now = Instant::now();
    for one in take(&mut state.waiting) {
        if one.caller.is_closed() {
            continue;
        }
        if now.saturating_duration_since(one.since) > ACQUIRE {
            // Better not done at all than done when the caller has been told that nobody knows.
            let _ = one.caller.send(Err(unavailable("it waited too long to be sent")));
            continue;
        }
        let fits = set.len() < B::MOST && B::key(&one.request).is_none_or(|key| state.keys.insert(key));
        if fits { set.push((one.request, Some(one.caller))) } else { later.push(one) }
    }
    state.waiting = later;
    state.under_way += usize::from(!set.is_empty());
    Set::new(set)
}

/// Sends a set, and gives back the connection that it went over.
async fn run_set<B: Batch>(under_way: UnderWay<B>, set: Set<B>) -> Option<Kept> {
    let (db, set) = (&under_way.db, Arc::new(set));
    let done = B::run(db, &set).await;
    if set.requests.len() == 1 || !done.as_ref().is_err_and(was_refused) {
        set.settle(&done);
        return lock(&set.connection).take();
    }
    // Nothing was done. Each alone, so that the one whose fault it was gets that answer, and nobody else; at the same time, so
    // that one that waits for something keeps no other.
    let alone = async |one: Set<B>| {
        let one = Arc::new(one);
        if one.is_awaited() {
            one.settle(&B::run(db, &one).await);
        }
        if let Some(key) = one.requests.first().and_then(B::key) {
            under_way.release(&key);
        }
    };
    if let Some(set) = Arc::into_inner(set) {
        join_all(set.split().map(alone)).await;
    }
    None
}

fn unavailable(what: &str) -> Error {
    Error::Unavailable(DbErr::Custom(what.to_owned()))
}

/// Whether the database itself answered that it does not do this.
fn was_refused(error: &Error) -> bool {
    match error {
        Error::Database(cause) => matches!(outage::sqlx_error(cause), Some(SqlxError::Database(_))),
        Error::Unavailable(cause) => outage::was_rolled_back(cause),
        Error::NotFound | Error::NotOwner | Error::InvalidCursor => false,
    }
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
