//! Edits of tasks that recur or have reminders, and edits that make a task so.
//!
//! What such an edit does depends on the rule of the task, which no statement can compute. So both databases do it one
//! statement after the other, in a transaction that locks the owners first: the tasks are read, [`apply`] computes the rows,
//! and they are written whole. No other write of the owner comes in between, so nothing is computed twice, and no occurrence is
//! made twice.

#[cfg(test)]
pub(super) mod tests;
mod written;

use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, DbErr};
use tokio::task::yield_now;

use self::written::{Changed, New, Written};
use super::owners::owner;
use super::sequence::{self, Clock, Clocks};
use super::steps::Kind;
use super::whole::{self, LoggedTask, NamedTask};
use super::{BATCH_LOCK_TIMEOUT, MAX_BATCH};
use crate::batch::{Batch, Operation};
use crate::db::{DEADLINE, Db, Transaction};
use crate::listeners::Listeners;
use crate::model::{
    Outcome, ReminderTime, ScheduledEdit, Surroundings, Task, apply, created, needs_open, now, reminder_times,
};
use crate::recurrence::Slot;
use crate::store::columns::ReadPosition;
use crate::store::growth::Growth;
use crate::store::input::{Sent, Turn};
use crate::store::request::EditRequest;
use crate::store::row::{AFTER_TASK, StoredRow};
use crate::{Error, UserId};

/// The number of edits that are computed before the other requests of the thread have their turn. Most take less than 0.1 ms,
/// one with a rule that is made to be slow about 1 ms.
const COMPUTED_AT_ONCE: usize = 4;

/// The edits of tasks with a schedule. The answer is the task after the edit, or before it was deleted; `None` if there is no
/// such task, if it has another version, or if a request with the key was done before.
#[derive(Debug)]
pub(in crate::store) struct Scheduled {
    pub(in crate::store) growth: Arc<Growth>,
    /// The maximum number of tasks of a user.
    pub(in crate::store) max_tasks: i64,
    pub(in crate::store) listeners: Arc<Listeners>,
}

/// An edit of a task with a schedule. The changes of a create or a change are those of the request.
#[derive(Debug)]
pub(in crate::store) struct ScheduledRequest {
    pub(in crate::store) request: EditRequest,
    pub(in crate::store) edit: ScheduledEdit,
}

impl Operation for Scheduled {
    type Request = ScheduledRequest;
    type Answer = Option<Task>;
    /// The owner, who can be locked by only one transaction at a time.
    type Key = UserId;

    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn key(request: &ScheduledRequest) -> Option<UserId> {
        Some(request.request.caller.user_id().clone())
    }

    fn row(request: &ScheduledRequest) -> Option<i64> {
        request.request.id
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        // The transaction takes a connection out of the pool, which may have only this one.
        drop(batch.take_lease());
        let max_tasks = self.max_tasks;
        let work = |transaction| {
            let batch = Arc::clone(batch);
            async move { run(transaction, &batch, max_tasks).await }
        };
        let added = db.transact(DEADLINE, work).await?;
        self.growth.add(db, added);
        self.listeners.wrote(batch.requests.iter().map(|request| request.request.caller.user_id()));
        Ok(())
    }

    fn no_row(&self) -> Result<Option<Task>, Error> {
        Ok(None)
    }
}

/// Does the edits of a batch, and answers its requests after the commit. Returns the number of tasks that are added.
async fn run(mut transaction: Transaction, batch: &Batch<Scheduled>, max_tasks: i64) -> Result<usize, DbErr> {
    let sent = sent(&batch.requests);
    let owners: HashSet<&str> = sent.iter().map(owner).collect();
    if owners.len() > 1 && transaction.backend() == DbBackend::Postgres {
        // As every batch of several owners, see `BATCH_LOCK_TIMEOUT`.
        let timeout = format!("SET LOCAL lock_timeout = '{BATCH_LOCK_TIMEOUT}'");
        transaction.execute(&sea_orm::Statement::from_string(DbBackend::Postgres, timeout)).await?;
    }
    let mut clocks = sequence::hold(&mut transaction, &sent).await?;
    let is_new = |sent: &&Sent<'_, EditRequest>| sent.request.id.is_none() && !clocks.contains_key(owner(sent));
    let new: HashSet<&str> = sent.iter().filter(is_new).map(owner).collect();
    if !new.is_empty() {
        clocks = sequence::hold_new(&mut transaction, new, &sent).await?;
    }
    let done = run_in(&mut transaction, &batch.requests, &mut clocks, max_tasks).await?;
    transaction.commit().await?;
    for (place, answer) in done.answers {
        batch.answer(place, answer.map(Some));
    }
    Ok(done.added)
}

pub(super) fn sent(requests: &[ScheduledRequest]) -> Vec<Sent<'_, EditRequest>> {
    let all = requests.iter().enumerate();
    all.map(|(place, request)| Sent { request: &request.request, place, turn: Turn::default() }).collect()
}

/// What edits have done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// For the place of each edit that was done or refused, its answer. They are final after the commit.
    pub(super) answers: Vec<(usize, Result<Task, Error>)>,
    /// The number of tasks that were added.
    pub(super) added: usize,
    /// The number of steps that the search for next occurrences took.
    pub(super) steps: u64,
}

/// Does edits in a transaction. The owners are locked already, and `clocks` are theirs.
///
/// It goes in rounds. A round has at most one edit of each series, so that each sees what the one before it has done.
pub(super) async fn run_in<'a>(
    transaction: &mut Transaction,
    requests: &'a [ScheduledRequest],
    clocks: &mut Clocks<'a>,
    max_tasks: i64,
) -> Result<Done, DbErr> {
    let mut sent = sent(requests);
    let mut done = Done::default();
    while !sent.is_empty() {
        // First, so that all repetitions of a request that was done are dropped together.
        sequence::drop_claimed(transaction, &mut sent).await?;
        let mut later = sequence::take_repeated_keys(&mut sent);
        let mut tasks = read_named(transaction, &sent).await?;
        later.extend(take_repeated_series(&mut sent, &tasks));
        later.sort_unstable_by_key(|sent| sent.place);
        let mut round = Round { transaction, requests, clocks, max_tasks, written: Written::default(), steps: 0 };
        round.run(&sent, &mut tasks, &mut done).await?;
        sent = later;
    }
    Ok(done)
}

/// The owner and the id of a task.
type Key<'a> = (&'a str, i64);

/// Tasks by the place of the request that names them.
type Tasks = HashMap<usize, Result<Task, DbErr>>;

async fn read_named(transaction: &mut Transaction, sent: &[Sent<'_, EditRequest>]) -> Result<Tasks, DbErr> {
    let named = sent.iter().filter_map(|sent| Some((sent.place, named(sent.request, sent.request.id?, None))));
    read(transaction, named.collect()).await
}

fn named(request: &EditRequest, id: i64, series_id: Option<i64>) -> NamedTask {
    NamedTask { user_id: request.caller.user_id().as_str().to_owned(), id, series_id }
}

/// Reads the tasks with these owners and ids, one for each place.
async fn read(transaction: &mut Transaction, wanted: Vec<(usize, NamedTask)>) -> Result<Tasks, DbErr> {
    if wanted.is_empty() {
        return Ok(Tasks::new());
    }
    let (places, named): (Vec<usize>, Vec<NamedTask>) = wanted.into_iter().unzip();
    let mut by_key: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    for (place, named) in places.into_iter().zip(&named) {
        by_key.entry((named.user_id.as_str(), named.id)).or_default().push(place);
    }
    let mut tasks = Tasks::new();
    let keep = |row: &dyn StoredRow| {
        let key = (row.text(AFTER_TASK)?, row.number(ReadPosition::Id as usize)?);
        for place in by_key.get(&key).into_iter().flatten() {
            tasks.insert(*place, row.task());
        }
        Ok(())
    };
    whole::NAMED.fetch_in(transaction, &Sent::all(&named), keep).await?;
    Ok(tasks)
}

/// Takes the requests out that name a task, or a task of a series, that an earlier request names too.
fn take_repeated_series<'a>(sent: &mut Vec<Sent<'a, EditRequest>>, tasks: &Tasks) -> Vec<Sent<'a, EditRequest>> {
    let (mut seen, mut seen_series) = (HashSet::new(), HashSet::new());
    let is_repeated = |sent: &mut Sent<'a, EditRequest>| {
        let series = tasks.get(&sent.place).and_then(|task| task.as_ref().ok()?.series_id);
        let is_new = sent.request.id.is_none_or(|id| seen.insert((owner(sent), id)));
        !is_new || series.is_some_and(|series| !seen_series.insert((owner(sent), series)))
    };
    sent.extract_if(.., is_repeated).collect()
}

/// A round of edits that do not depend on each other.
struct Round<'t, 'r, 'a> {
    transaction: &'t mut Transaction,
    requests: &'a [ScheduledRequest],
    clocks: &'r mut Clocks<'a>,
    max_tasks: i64,
    written: Written,
    steps: u64,
}

impl<'a> Round<'_, '_, 'a> {
    async fn run(&mut self, sent: &[Sent<'a, EditRequest>], tasks: &mut Tasks, done: &mut Done) -> Result<(), DbErr> {
        let mut around = self.surroundings(sent, tasks).await?;
        let time = now();
        for (n, sent) in sent.iter().enumerate() {
            // Also before the first one, because another round can have ended just before.
            if n % COMPUTED_AT_ONCE == 0 {
                yield_now().await;
            }
            let around = around.remove(&sent.place).unwrap_or_default();
            if let Some(refused) = self.edit(sent, tasks.remove(&sent.place), &around, time) {
                done.answers.push((sent.place, Err(refused)));
            }
        }
        done.added += self.written.new.len();
        done.steps += self.steps;
        let answers = take(&mut self.written).write(self.transaction, self.requests, self.clocks, time).await?;
        done.answers.extend(answers.into_iter().map(|(place, task)| (place, Ok(task))));
        Ok(())
    }

    /// Reads what the edits depend on besides their tasks.
    async fn surroundings(
        &mut self,
        sent: &[Sent<'a, EditRequest>],
        tasks: &Tasks,
    ) -> Result<HashMap<usize, Surroundings>, DbErr> {
        let found: Vec<(&Sent<'a, EditRequest>, &Task)> =
            sent.iter().filter_map(|sent| Some((sent, tasks.get(&sent.place)?.as_ref().ok()?))).collect();
        let of_series = found.iter().filter(|(_, task)| task.series_id.is_some());
        let in_series: Vec<NamedTask> =
            of_series.map(|(sent, task)| named(sent.request, task.id, task.series_id)).collect();
        let mut around: HashMap<usize, Surroundings> = HashMap::new();
        if in_series.is_empty() {
            return Ok(around);
        }
        let places: HashMap<Key<'_>, usize> =
            found.iter().map(|(sent, task)| ((owner(sent), task.id), sent.place)).collect();
        let keep = |row: &dyn StoredRow| {
            if let (Some(place), Some(slot)) = (places.get(&(row.text(1)?, row.number(0)?)), row.optional_text(2)?) {
                around.entry(*place).or_default().last_other = Slot::parse(slot).ok();
            }
            Ok(())
        };
        whole::LAST_OTHER.fetch_in(self.transaction, &Sent::all(&in_series), keep).await?;
        let next = |(sent, task): &(&Sent<'a, EditRequest>, &Task)| {
            let id = task.schedule.as_ref()?.next?;
            Some((sent.place, named(sent.request, id, None)))
        };
        let next = read(self.transaction, found.iter().filter_map(next).collect()).await?;
        for (place, task) in next {
            around.entry(place).or_default().next = Some(task?);
        }
        self.read_open(&found, &mut around).await?;
        Ok(around)
    }

    /// Reads the open tasks of the series on which edits depend.
    async fn read_open(
        &mut self,
        found: &[(&Sent<'a, EditRequest>, &Task)],
        around: &mut HashMap<usize, Surroundings>,
    ) -> Result<(), DbErr> {
        let nothing = Surroundings::default();
        let needs_open = |(sent, task): &&(&Sent<'a, EditRequest>, &Task)| {
            let around = around.get(&sent.place).unwrap_or(&nothing);
            needs_open(task, self.requests[sent.place].edit, &sent.request.changes, around)
        };
        let of_series: Vec<_> = found.iter().filter(needs_open).collect();
        if of_series.is_empty() {
            return Ok(());
        }
        let named: Vec<NamedTask> =
            of_series.iter().map(|(sent, task)| named(sent.request, task.id, task.series_id)).collect();
        let places: HashMap<(&str, Option<i64>), usize> =
            of_series.iter().map(|(sent, task)| ((owner(sent), task.series_id), sent.place)).collect();
        let keep = |row: &dyn StoredRow| {
            let key = (row.text(AFTER_TASK)?, row.optional_number(ReadPosition::SeriesId as usize)?);
            if let Some(place) = places.get(&key) {
                around.entry(*place).or_default().open.push(row.task()?);
            }
            Ok(())
        };
        whole::OPEN_OF_SERIES.fetch_in(self.transaction, &Sent::all(&named), keep).await
    }

    /// Computes an edit, and collects its rows. Returns the reason if it is refused.
    fn edit(
        &mut self,
        sent: &Sent<'a, EditRequest>,
        task: Option<Result<Task, DbErr>>,
        around: &Surroundings,
        now: DateTime<Utc>,
    ) -> Option<Error> {
        let task = match task {
            Some(Err(error)) => return Some(Error::Database(error.into())),
            Some(Ok(task)) => Some(task),
            None if sent.request.id.is_some() => return None,
            None => None,
        };
        let has_other_version = |task: &Task| sent.request.if_version.is_some_and(|wanted| wanted != task.version());
        if task.as_ref().is_some_and(has_other_version) {
            return None;
        }
        let mut clock = *self.clocks.get(owner(sent))?;
        let edited = self.edited(sent, task, around, &mut clock, now);
        match edited {
            Ok(()) => {
                self.clocks.insert(owner(sent), clock);
                None
            }
            Err(error) => Some(error),
        }
    }

    /// The same with the clock of the owner, which is only kept if nothing is refused.
    fn edited(
        &mut self,
        sent: &Sent<'a, EditRequest>,
        task: Option<Task>,
        around: &Surroundings,
        clock: &mut Clock,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let (request, place) = (sent.request, sent.place);
        let number = |clock: &mut Clock| -> Result<DateTime<Utc>, Error> {
            clock.last = clock.after(now.timestamp_micros());
            DateTime::from_timestamp_micros(clock.last).ok_or(Error::NotFound)
        };
        let edit = self.requests[place].edit;
        let Some(task) = task else {
            if clock.tasks >= self.max_tasks {
                return Err(Error::TooManyTasks);
            }
            let task = created(&request.changes, number(clock)?)?;
            clock.tasks += 1;
            self.written.owners.insert(owner(sent).to_owned());
            self.written.new.push(New { place, task });
            return Ok(());
        };
        // A number that is not used is not given.
        let at = match edit {
            ScheduledEdit::Snooze { .. } => task.updated_at,
            _ => number(clock)?,
        };
        let outcome = apply(&task, edit, &request.changes, around, (at, now))?;
        let Outcome { changed, next, later, deleted, snoozed, steps } = outcome;
        self.steps += u64::from(steps);
        let added = i64::from(next.is_some()) - i64::try_from(deleted.len()).unwrap_or_default();
        if added > 0 && clock.tasks + added > self.max_tasks {
            return Err(Error::TooManyTasks);
        }
        clock.tasks += added;

        if let Some(time) = snoozed {
            self.written.remind(request, task.id, &[time], &[time]);
            self.written.answers.push((place, task));
            return Ok(());
        }
        self.written.owners.insert(owner(sent).to_owned());
        // The task itself has the first number.
        let mut own = Some(at);
        for gone in deleted {
            let at = match own.take_if(|_| gone.id == task.id) {
                Some(at) => at,
                None => number(clock)?,
            };
            let times = reminder_times(&gone);
            self.written.remind(request, gone.id, &times, &[]);
            self.written.deleted.push(named(request, gone.id, None));
            self.written.logged.push(LoggedTask::new(
                request,
                Kind::Deleted,
                at.timestamp_micros(),
                gone.id,
                Some(gone),
            ));
        }
        if let Some(next) = next {
            let at = number(clock)?;
            self.written.new.push(New { place, task: Task { created_at: at, updated_at: at, ..next } });
        }
        match changed {
            None => self.written.answers.push((place, task)),
            Some(changed) => {
                self.log_change(request, task, &changed, now);
                self.written.changed.push(Changed { place, task: changed });
            }
        }
        for (before, mut after) in later {
            after.updated_at = number(clock)?;
            self.log_change(request, before, &after, now);
            self.written.later.push(Changed { place, task: after });
        }
        Ok(())
    }

    /// Collects the change of a task for the log, and its reminders.
    fn log_change(&mut self, request: &EditRequest, before: Task, after: &Task, now: DateTime<Utc>) {
        let (old, new) = (reminder_times(&before), reminder_times(after));
        let is_kept = |time: &ReminderTime| old.contains(time) && new.contains(time);
        let dropped: Vec<ReminderTime> = old.iter().copied().filter(|time| !is_kept(time)).collect();
        let future = |time: &ReminderTime| !is_kept(time) && time.1 > now.timestamp_micros();
        let added: Vec<ReminderTime> = new.iter().copied().filter(future).collect();
        self.written.remind(request, before.id, &dropped, &added);
        let id = before.id;
        self.written.logged.push(LoggedTask::new(request, Kind::Changed, after.version(), id, Some(before)));
    }
}
