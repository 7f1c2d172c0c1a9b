//! The rows: the only room that names the entity.
//!
//! Every statement carries the owner. `clippy.toml` refuses the entity's own methods, SeaQuery's builders and raw SQL in the
//! rooms above.
#![expect(clippy::disallowed_methods, reason = "this room builds and sends the statements")]

mod base;
mod changes;
mod columns;
mod cost;
mod dialect;
mod due;
mod edit;
mod filter;
mod growth;
mod history;
mod image;
mod input;
mod keys;
mod list;
mod moved;
mod occurrences;
mod owned;
#[cfg(test)]
mod plans;
mod read;
mod request;
mod requests;
mod row;
mod sort;
mod statement;
mod summary;
mod sweep;
mod tails;
mod trash;

use std::fmt;
use std::num::NonZero;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::base::MergeState;
pub(crate) use self::changes::{LogPage, OwnerState};
pub(crate) use self::due::{DueBehind, DueReminder};
pub(crate) use self::history::{HistoryRows, LoggedChange};
use migration::Layout;
use tokio::sync::Semaphore;

pub(crate) use self::cost::Cost;
use self::cost::Places;
use self::edit::{Edits, LONG_WAITS, Restores, Scheduled, ScheduledRequest};
use self::growth::Growth;
use self::keys::FindKey;
pub(crate) use self::keys::Remembered;
pub(crate) use self::list::MAX_BATCHED;
use self::read::{Clock, Foreign, Get, Newest};
pub(crate) use self::request::{BulkEdit, Edit};
use self::request::{EditKind, EditRequest};
pub(crate) use self::row::Rows;
pub(crate) use self::summary::{Counts, Spelling};
pub use self::sweep::{Pauses, Swept};
pub(crate) use self::tails::TAIL;
pub(crate) use self::trash::TrashRows;
use crate::batch::{Holds, Lane, Mix, Pace, Plan, Queue};
use crate::db::{Db, DbConfig, PoolUse};
use crate::listeners::Listeners;
use crate::model::{Changes, IdempotencyKey, ScheduledEdit, Task};
use crate::{Caller, Error, Firing, UserId};

/// A handle on the stored tasks. A clone is cheap and shares the connections and the queues.
#[derive(Clone)]
pub struct Store {
    db: Db,
    queues: Arc<Queues>,
    shared: Shared,
    places: Arc<Places>,
    /// The number of this part among those of [`Self::split`].
    worker: usize,
}

/// The time for which changes are kept, if [`Store::with_history_days`] sets no other.
const DEFAULT_HISTORY: Duration = Duration::from_hours(30 * 24);

/// The maximum number of questions of one owner in a batch of those that read all parts of the tables.
const QUESTIONS_OF_ONE_OWNER: usize = 16;

/// What all parts of [`Store::split`] share.
#[derive(Clone)]
struct Shared {
    growth: Arc<Growth>,
    /// The owners whose tasks are being written by this process.
    holds: Arc<Holds<UserId>>,
    /// The maximum number of tasks of a user.
    max_tasks: i64,
    /// The time for which changes are kept.
    history: Duration,
    /// The listeners of this process to changes.
    listeners: Arc<Listeners>,
    /// The firing of reminders by this process.
    firing: Arc<Firing>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            growth: Arc::default(),
            holds: Arc::default(),
            max_tasks: i64::MAX,
            history: DEFAULT_HISTORY,
            listeners: Arc::new(Listeners::new(None)),
            firing: Arc::default(),
        }
    }
}

/// One queue for each kind of request. Reads and edits take turns in a lane of their own.
struct Queues {
    reads: Arc<Lane>,
    edits: Arc<Lane>,
    get: Arc<Queue<Get>>,
    newest: Arc<Queue<Newest>>,
    foreign: Arc<Queue<Foreign>>,
    clock: Arc<Queue<Clock>>,
    key: Arc<Queue<FindKey>>,
    create: Arc<Queue<Edits>>,
    change: Arc<Queue<Edits>>,
    delete: Arc<Queue<Edits>>,
    restore: Arc<Queue<Restores>>,
    scheduled: Arc<Queue<Scheduled>>,
}

/// How the queues of a store make and send their batches.
struct Plans {
    reads: Arc<Lane>,
    edits: Arc<Lane>,
    /// The owners whose tasks are being written by this process.
    holds: Arc<Holds<UserId>>,
    /// The permits for batches of one owner, as many as connections. `None` if a batch can have several owners.
    permits: Option<Arc<Semaphore>>,
}

impl Plans {
    fn new(db: &Db, holds: &Arc<Holds<UserId>>) -> Self {
        let permits = (db.layout() == Layout::ByOwner).then(|| Arc::new(Semaphore::new(db.max_connections())));
        Self { reads: Arc::default(), edits: Arc::default(), holds: Arc::clone(holds), permits }
    }

    fn edits(&self) -> Plan<UserId> {
        self.plan(&self.edits, Some(Arc::clone(&self.holds)))
    }

    /// If a batch has one owner, that owner has one batch of each kind of read in flight, so that many reads of one caller leave
    /// the permits to others.
    fn reads(&self) -> Plan<UserId> {
        self.plan(&self.reads, self.permits.is_some().then(Arc::default))
    }

    fn plan(&self, lane: &Arc<Lane>, holds: Option<Arc<Holds<UserId>>>) -> Plan<UserId> {
        match &self.permits {
            None => Plan::in_turns(lane, holds),
            Some(permits) => Plan { pace: Pace::Permits(Arc::clone(permits)), mix: Mix::OneKey, holds },
        }
    }

    /// The plan of questions that read all parts of the tables if these are split by owner. One statement at a time of a worker
    /// then answers for many callers.
    fn questions(&self) -> Plan<UserId> {
        if self.permits.is_none() {
            return Plan::in_turns(&self.reads, None);
        }
        let pace = Pace::Permits(Arc::new(Semaphore::new(1)));
        Plan { pace, mix: Mix::AtMostOfOneKey(QUESTIONS_OF_ONE_OWNER), holds: None }
    }
}

impl Store {
    /// Opens the database. `notice` receives sentences for the operator, for example that the database is down and waited for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database cannot be reached. [`Error::Database`] if it refuses the connection, if the
    /// address is invalid, if the address is that of a pooler that mixes up prepared statements, if the encoding of the
    /// database is not UTF8, or if its clock differs from this machine's by more than a minute. No error contains the password.
    pub async fn open(config: &DbConfig<'_>, notice: impl FnMut(&str)) -> Result<Self, Error> {
        let db = Db::open(config, notice).await?;
        let places = Arc::new(Places::new(slice::from_ref(&db)));
        Ok(Self::on(db, places, &Shared::default(), 0))
    }

    /// Limits the number of tasks of each user.
    #[must_use]
    pub fn with_max_tasks(self, max_tasks: Option<NonZero<u32>>) -> Self {
        let max_tasks = max_tasks.map_or(i64::MAX, |max| max.get().into());
        Self::on(self.db, self.places, &Shared { max_tasks, ..self.shared }, self.worker)
    }

    /// Sets the number of days for which changes are kept. The default is 30.
    #[must_use]
    pub fn with_history_days(self, days: NonZero<u16>) -> Self {
        let history = Duration::from_hours(24 * u64::from(days.get()));
        Self::on(self.db, self.places, &Shared { history, ..self.shared }, self.worker)
    }

    /// Limits the number of listeners to changes. `None` is no limit.
    #[must_use]
    pub fn with_max_listeners(self, max: Option<NonZero<u32>>) -> Self {
        let listeners = Arc::new(Listeners::new(max));
        Self::on(self.db, self.places, &Shared { listeners, ..self.shared }, self.worker)
    }

    /// The time for which changes are kept.
    pub(crate) fn history(&self) -> Duration {
        self.shared.history
    }

    /// The listeners of this process to changes.
    #[must_use]
    pub fn listeners(&self) -> &Arc<Listeners> {
        &self.shared.listeners
    }

    /// The firing of reminders by this process, see [`reminders::fire`](crate::reminders::fire).
    #[must_use]
    pub fn firing(&self) -> &Arc<Firing> {
        &self.shared.firing
    }

    fn on(db: Db, places: Arc<Places>, shared: &Shared, worker: usize) -> Self {
        let plans = Plans::new(&db, &shared.holds);
        let long_waits = Arc::new(Semaphore::new(LONG_WAITS));
        let of = |kind| {
            let (growth, long_waits) = (Arc::clone(&shared.growth), Arc::clone(&long_waits));
            let listeners = Arc::clone(&shared.listeners);
            let operation = Edits { kind, growth, max_tasks: shared.max_tasks, long_waits, listeners };
            Queue::new(operation, db.clone(), plans.edits())
        };
        let restores = Restores {
            growth: Arc::clone(&shared.growth),
            max_tasks: shared.max_tasks,
            history: shared.history,
            listeners: Arc::clone(&shared.listeners),
        };
        let scheduled = Scheduled {
            growth: Arc::clone(&shared.growth),
            max_tasks: shared.max_tasks,
            listeners: Arc::clone(&shared.listeners),
        };
        let queues = Queues {
            get: Queue::new(Get, db.clone(), plans.reads()),
            newest: Queue::new(Newest, db.clone(), plans.reads()),
            foreign: Queue::new(Foreign, db.clone(), plans.questions()),
            clock: Queue::new(Clock, db.clone(), plans.reads()),
            key: Queue::new(FindKey, db.clone(), plans.reads()),
            create: of(EditKind::Create),
            change: of(EditKind::Change),
            delete: of(EditKind::Delete),
            restore: Queue::new(restores, db.clone(), plans.edits()),
            scheduled: Queue::new(scheduled, db.clone(), plans.edits()),
            reads: plans.reads,
            edits: plans.edits,
        };
        Self { db, queues: Arc::new(queues), shared: shared.clone(), places, worker }
    }

    /// Splits the handle into one for each thread, with queues of its own. On PostgreSQL each also gets its share of the
    /// connections, at least one; one is kept for the probe, and one for [`Self::sweep`]. A connection is then used only by the
    /// thread that opened it, so that an answer wakes no other thread. `notice` receives a sentence for the operator if the
    /// connections are too few.
    ///
    /// # Errors
    /// An error of the database while the connection of this handle is closed.
    pub async fn split(self, threads: NonZero<usize>, mut notice: impl FnMut(&str)) -> Result<Vec<Self>, Error> {
        self.queues.reads.release();
        self.queues.edits.release();
        let shared = self.shared;
        let parts = self.db.split(threads).await?;
        if parts.iter().any(|db| db.max_connections() < 2) && !parts.iter().any(Db::shares_connections) {
            notice(
                "fewer than 2 database connections for each worker: large requests can delay all others. Raise \
                 DATABASE_MAX_CONNECTIONS or lower WORKERS",
            );
        }
        let places = Arc::new(Places::new(&parts));
        let part = |(worker, db)| Self::on(db, Arc::clone(&places), &shared, worker);
        Ok(parts.into_iter().enumerate().map(part).collect())
    }

    /// Closes every connection, after a bounded wait for the statements in flight.
    ///
    /// # Errors
    /// An error of the database while a connection is closed.
    pub async fn close(self) -> Result<(), Error> {
        self.queues.reads.release();
        self.queues.edits.release();
        self.db.close().await
    }

    /// The connections: health, migrations, figures.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The use of the pools of these parts, see [`Self::split`].
    #[must_use]
    pub fn pool_use(parts: &[Self]) -> PoolUse {
        let mut sum = PoolUse { open: 0, idle: 0, max: 0 };
        for part in parts {
            let PoolUse { open, idle, max } = part.db.pool_use();
            sum = PoolUse { open: sum.open + open, idle: sum.idle + idle, max: sum.max + max };
            if part.db.shares_connections() {
                break;
            }
        }
        sum
    }

    /// Writes one task, if it has the given version and no request of the caller with this key was done before. A task that
    /// has a schedule is not found, unless a completed one is deleted. This, [`Self::edit_scheduled`], [`Self::restore`] and
    /// [`Self::edit_all`] are the only ways to change tasks.
    pub(crate) async fn edit(
        &self,
        caller: &Caller,
        edit: Edit,
        if_version: Option<i64>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Task>, Error> {
        let (kind, request) = edit.of(caller.clone(), if_version, key.cloned());
        match kind {
            EditKind::Create => self.queues.create.ask(request).await,
            EditKind::Change => self.queues.change.ask(request).await,
            EditKind::Delete => self.queues.delete.ask(request).await,
        }
    }

    /// Writes one task that has a schedule or gets one, like [`Self::edit`]. It writes any other task too, at the cost of more
    /// statements.
    pub(crate) async fn edit_scheduled(
        &self,
        caller: &Caller,
        (edit, id, changes): (ScheduledEdit, Option<i64>, Changes),
        if_version: Option<i64>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Task>, Error> {
        let request = EditRequest { if_version, key: key.cloned(), ..EditRequest::of(caller.clone(), id, changes) };
        self.queues.scheduled.ask(ScheduledRequest { request, edit }).await
    }

    /// Restores a deleted task, or returns the one that exists. `None` if the caller has no task with this id in the trash, or
    /// if a request of the caller with this key was done before.
    pub(crate) async fn restore(
        &self,
        caller: &Caller,
        id: i64,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Task>, Error> {
        let request = EditRequest::of(caller.clone(), Some(id), Changes::default());
        self.queues.restore.ask(EditRequest { key: key.cloned(), ..request }).await
    }

    /// Reads one task of the caller, if there is one with this id.
    pub(crate) async fn get(&self, caller: &Caller, id: i64) -> Result<Option<Task>, Error> {
        self.queues.get.ask((caller.clone(), id)).await
    }

    /// Reads the caller's clock: the state of their lists.
    pub(crate) async fn clock(&self, caller: &Caller) -> Result<i64, Error> {
        self.queues.clock.ask(caller.clone()).await
    }

    /// The reason why a statement found no task of the caller with this id: [`Error::NotOwner`], [`Error::NotFound`], or an
    /// error of the database.
    pub(crate) async fn missing(&self, caller: &Caller, id: i64) -> Error {
        match self.queues.foreign.ask((caller.clone(), id)).await {
            Ok(true) => Error::NotOwner,
            Ok(false) => Error::NotFound,
            Err(error) => error,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("db", &self.db).finish_non_exhaustive()
    }
}
