//! The one write path. Every write to one task is an [`Edit`](super::Edit), and [`Edits::run`] runs a batch of edits of one kind.
//! A write to many tasks is a [`BulkEdit`](super::BulkEdit), which `bulk.rs` does in steps.
//!
//! Each owner has one clock (`task_owner`). A write locks its owner first, gets the next number of the clock, writes its task and
//! a change that keeps the task as it was (`task_change`), and moves the clock last. The lock is held until the commit, so the
//! changes of an owner become visible in the order of their numbers. The number of the last write is the version of a task, and
//! its `updated_at`.

mod advance;
mod bulk;
mod held;
mod joined;
mod owners;
mod quota;
mod remind;
mod restore;
mod scheduled;
mod sequence;
mod steps;
mod whole;
mod wipe;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use migration::Layout;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::Semaphore;

pub(super) use self::restore::Restores;
pub(super) use self::scheduled::{Scheduled, ScheduledRequest};
use super::columns::ReadPosition;
use super::dialect::Dialect;
use super::growth::Growth;
use super::input::Sent;
use super::request::{EditKind, EditRequest};
use super::row::{AFTER_TASK, StoredRow};
use crate::batch::{Batch, Operation};
use crate::db::{DEADLINE, Db, Transaction};
use crate::listeners::Listeners;
use crate::model::{Task, now};
use crate::{Cause, Error, UserId};

/// The kind of a change that deleted its task, as it is stored.
pub(super) const DELETED: i16 = steps::Kind::Deleted as i16;
/// The kind of a change that is a reminder which has fired, as it is stored.
pub(super) const REMINDED: i16 = steps::Kind::Reminded as i16;
/// The maximum number of edits in a batch.
const MAX_BATCH: usize = 256;
/// The time for which a batch of several owners waits for an owner that another server has locked. After it the owners are sent
/// separately.
const BATCH_LOCK_TIMEOUT: &str = "100ms";
/// The time for which the requests of one owner wait. It bounds how long after its caller has timed out a write can still be
/// done.
const SINGLE_LOCK_TIMEOUT: &str = "9s";
/// The same if enough requests wait already. Each takes a connection of its worker.
const SHORT_LOCK_TIMEOUT: &str = "500ms";
/// The same as limits of a statement.
const SINGLE_LIMIT: Duration = Duration::from_secs(9);
const SHORT_LIMIT: Duration = Duration::from_millis(500);
/// The number of owners of a worker that are waited for long.
pub(super) const LONG_WAITS: usize = 2;
/// The number of times that a batch is sent, in which owners have no row yet, or no more.
const MAX_ATTEMPTS: usize = 4;

/// The task after a create or a change, or before a delete; `None` if nothing was written.
type Outcome = Option<Task>;

/// The place of a request, and the task that it has written or the reason why its row cannot be read.
type Written = (usize, Result<Task, Error>);

/// The edits of one kind.
#[derive(Debug)]
pub(super) struct Edits {
    pub(super) kind: EditKind,
    pub(super) growth: Arc<Growth>,
    /// The maximum number of tasks of a user.
    pub(super) max_tasks: i64,
    /// The permits to wait long for an owner that another server has locked, of all kinds together.
    pub(super) long_waits: Arc<Semaphore>,
    /// They learn of each write.
    pub(super) listeners: Arc<Listeners>,
}

impl Operation for Edits {
    type Request = EditRequest;
    type Answer = Outcome;
    /// The owner, who can be locked by only one transaction at a time.
    type Key = UserId;

    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn key(request: &EditRequest) -> Option<UserId> {
        Some(request.caller.user_id().clone())
    }

    fn row(request: &EditRequest) -> Option<i64> {
        request.id
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        match Dialect::of_db(db) {
            Dialect::Postgres => self.run_joined(db, batch).await?,
            Dialect::PostgresByOwner | Dialect::Sqlite => self.run_in_sequence(db, batch).await?,
        }
        self.listeners.wrote(batch.requests.iter().map(|request| request.caller.user_id()));
        if self.kind == EditKind::Create {
            self.growth.add(db, batch.requests.len());
        }
        Ok(())
    }

    fn no_row(&self) -> Result<Outcome, Error> {
        match self.kind {
            EditKind::Create => Err(Error::TooManyTasks),
            EditKind::Change | EditKind::Delete => Ok(None),
        }
    }
}

impl Edits {
    /// Runs a batch as one statement of PostgreSQL.
    async fn run_joined(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        // The owners that have a row, if the last attempt has shown that some have none.
        let mut held: Option<Arc<HashSet<String>>> = None;
        // The permit is held until the statement has ended.
        let permit = has_one_owner(batch).then(|| self.long_waits.try_acquire().ok()).flatten();
        let waits_long = permit.is_some();
        for _ in 0..MAX_ATTEMPTS {
            let (kind, max_tasks) = (self.kind, self.max_tasks);
            let (known, of_attempt) = (held.take(), Arc::clone(batch));
            let attempt = db.write(async move |db| {
                let mut sent = Sent::all(&of_attempt.requests);
                if let Some(known) = known.as_ref().filter(|_| kind != EditKind::Create) {
                    sent.retain(|sent| known.contains(owners::owner(sent)));
                }
                if sent.is_empty() {
                    Ok(None)
                } else {
                    send_joined((kind, max_tasks, waits_long), db, &of_attempt, sent).await
                }
            });
            let Some(known) = attempt.await? else {
                return if kind == EditKind::Create {
                    self.create_refused(db, batch, waits_long).await
                } else {
                    Ok(())
                };
            };
            if kind == EditKind::Create {
                let callers = batch.requests.iter().map(|request| request.caller.user_id());
                let new: HashSet<UserId> = callers.filter(|user| !known.contains(user.as_str())).cloned().collect();
                let of_attempt = Arc::clone(batch);
                db.write(async move |db| sequence::add_owners(db, &of_attempt, &new).await).await?;
            }
            held = Some(Arc::new(known));
        }
        Err(Error::Unavailable(Cause::of("owners appeared and disappeared too often")))
    }

    /// Sends the requests once more that were refused because repetitions took their places in the quota.
    async fn create_refused(&self, db: &Db, batch: &Arc<Batch<Self>>, waits_long: bool) -> Result<(), Error> {
        if batch.requests.iter().all(|request| request.key.is_none()) {
            return Ok(());
        }
        let Some(again) = quota::refused_wrongly(db, batch).await? else { return Ok(()) };
        let (kind, max_tasks, batch) = (self.kind, self.max_tasks, Arc::clone(batch));
        db.write(async move |db| {
            let mut sent = Sent::all(&batch.requests);
            sent.retain(|sent| again.contains(&sent.place));
            send_joined((kind, max_tasks, waits_long), db, &batch, sent).await?;
            Ok(())
        })
        .await
    }

    /// Runs a batch as a transaction of several statements.
    async fn run_in_sequence(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        let (kind, max_tasks, layout, batch) = (self.kind, self.max_tasks, db.layout(), Arc::clone(batch));
        // The permit is held until the transaction has ended. SQLite has no owners that are locked.
        let permit = (layout == Layout::ByOwner).then(|| self.long_waits.try_acquire().ok());
        let limit = match permit {
            None => DEADLINE,
            // Citus limits the wait for a lock by the time limit of the statement only.
            Some(Some(_)) => SINGLE_LIMIT,
            Some(None) => SHORT_LIMIT,
        };
        db.write(async move |db| {
            let mut transaction = Transaction::begin(db, layout, limit).await?;
            let sent = Sent::all(&batch.requests);
            // Which requests with keys are done is not known before their keys are read.
            let advances = layout == Layout::ByOwner && sent.iter().all(|sent| sent.request.key.is_none());
            let (mut clocks, now) = if advances {
                let now = now().timestamp_micros();
                (advance::advance(&mut transaction, kind, &sent, now).await?, now)
            } else {
                (sequence::hold(&mut transaction, &sent).await?, now().timestamp_micros())
            };
            if kind == EditKind::Create && clocks.is_empty() && layout == Layout::ByOwner {
                let users = sent.iter().map(owners::owner).collect();
                clocks = sequence::hold_new(&mut transaction, users, &sent).await?;
            }
            let done = sequence::run(&mut transaction, kind, sent, &mut clocks, now, max_tasks).await?;
            // On tables that are split by owner, nothing was written for a row that cannot be read, and its clock has moved.
            let was_written = |(_, task): &(usize, Result<Task, DbErr>)| task.is_ok() || layout == Layout::Whole;
            if done.iter().any(was_written) {
                transaction.commit().await?;
            }
            // Only now are they final.
            for (place, task) in done {
                batch.answer(place, task.map(Some).map_err(|error| Error::Database(error.into())));
            }
            Ok(())
        })
        .await
    }
}

fn has_one_owner(batch: &Batch<Edits>) -> bool {
    let mut owners = batch.requests.iter().map(|request| request.caller.user_id());
    let first = owners.next();
    owners.all(|owner| Some(owner) == first)
}

/// Sends the one statement, and answers each request for which it returned a row. All answers come after the last row, because
/// only the end of the rows shows that they are committed. If some owners have no row, nothing was done, and the others are
/// returned.
async fn send_joined(
    (kind, max_tasks, waits_long): (EditKind, i64, bool),
    db: &DatabaseConnection,
    batch: &Batch<Edits>,
    mut sent: Vec<Sent<'_, EditRequest>>,
) -> Result<Option<HashSet<String>>, DbErr> {
    let owners = owners::assign_turns(&mut sent);
    let lock_timeout = match (owners.len(), waits_long) {
        (1, true) => SINGLE_LOCK_TIMEOUT,
        (1, false) => SHORT_LOCK_TIMEOUT,
        _ => BATCH_LOCK_TIMEOUT,
    };
    let max_tasks = (kind == EditKind::Create).then_some(max_tasks);
    let scalars: Vec<_> = joined::scalars(owners, now().timestamp_micros(), lock_timeout, max_tasks).collect();
    let (statement, held_owners) = match kind {
        EditKind::Create => (&joined::CREATE, joined::HELD_OWNERS_OF_NEW),
        EditKind::Change => (&joined::CHANGE, joined::HELD_OWNERS),
        EditKind::Delete => (&joined::DELETE, joined::HELD_OWNERS),
    };
    let has_keys = sent.iter().any(|sent| sent.request.key.is_some());
    if kind != EditKind::Create {
        sent.sort_unstable_by_key(|sent| sent.request.id_and_owner());
    }
    let (mut written, mut held) = (Vec::with_capacity(sent.len()), None);
    let keep = |row: &dyn StoredRow| {
        if let Some(names) = row.optional_text(held_owners)? {
            held = Some(serde_json::from_str(names).map_err(|error| DbErr::Json(error.to_string()))?);
        } else if kind == EditKind::Create {
            written.extend(new_task(batch, row)?);
        } else if let Some(id) = row.optional_number(ReadPosition::Id as usize)? {
            let id_and_owner = (Some(id), row.text(AFTER_TASK)?);
            let found = sent.binary_search_by_key(&id_and_owner, |sent| sent.request.id_and_owner());
            written.extend(
                found.ok().map(|found| (sent[found].place, row.task().map_err(|error| Error::Database(error.into())))),
            );
        }
        Ok(())
    };
    statement.of(has_keys).fetch(db, batch, &sent, &scalars, keep).await?;
    for (place, task) in written {
        batch.answer(place, task.map(Some));
    }
    Ok(held)
}

/// The place of a request and the task that it has created, from a row with the place, the number and the id.
fn new_task(batch: &Batch<Edits>, row: &dyn StoredRow) -> Result<Option<Written>, DbErr> {
    let Some(place) = row.optional_number(0)?.and_then(|place| usize::try_from(place).ok()) else { return Ok(None) };
    let at = DateTime::from_timestamp_micros(row.number(1)?);
    let request = batch.requests.get(place);
    let task = request.zip(at).and_then(|(request, at)| request.created(row.number(2).ok()?, at));
    Ok(Some((place, task.ok_or(Error::Database(DbErr::RecordNotInserted.into())))))
}

#[cfg(test)]
pub(super) mod texts {
    pub(in crate::store) use super::wipe::texts as of_wipe;
    use super::{advance, joined, remind, restore, sequence, whole};
    use crate::store::keys;
    use crate::store::statement::Texts;

    /// The statements of batches and of edits of many tasks.
    pub(in crate::store) fn all() -> Vec<Texts> {
        const SCALARS: &str = "7, '1s'";
        let joined = [
            joined::CREATE.of(false).texts("create", true, "7, '1s', 50000"),
            joined::CREATE.of(true).texts("create_with_keys", true, "7, '1s', 50000"),
            joined::CHANGE.of(false).texts("change", true, SCALARS),
            joined::CHANGE.of(true).texts("change_with_keys", true, SCALARS),
            joined::DELETE.of(false).texts("delete", true, SCALARS),
            joined::DELETE.of(true).texts("delete_with_keys", true, SCALARS),
        ];
        joined
            .into_iter()
            .chain(sequence::texts())
            .chain(advance::texts())
            .chain(restore::texts())
            .chain(remind::texts())
            .chain(whole::texts())
            .chain(keys::texts())
            .collect()
    }
}
