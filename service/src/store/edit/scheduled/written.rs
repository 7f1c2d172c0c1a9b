//! The rows that edits of tasks with a schedule write, and the order of the statements that write them.

use std::collections::{HashMap, HashSet};
use std::mem::take;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::ScheduledRequest;
use crate::db::Transaction;
use crate::model::{ReminderTime, ScheduledEdit, Task, reminder_times};
use crate::store::edit::sequence::{self, Clocks, NamedClock};
use crate::store::edit::steps::Kind;
use crate::store::edit::whole::{self, LoggedTask, NamedTask, ReminderRow, WholeTask};
use crate::store::input::Sent;
use crate::store::keys::{self, Claim};
use crate::store::request::EditRequest;
use crate::store::row::StoredRow;

/// The rows that a round writes.
#[derive(Default)]
pub(super) struct Written {
    /// New tasks: those of creates, and next occurrences.
    pub(super) new: Vec<New>,
    pub(super) changed: Vec<Changed>,
    /// Changed tasks that are not the answers of their requests.
    pub(super) later: Vec<Changed>,
    pub(super) deleted: Vec<NamedTask>,
    pub(super) logged: Vec<LoggedTask>,
    pub(super) dropped_reminders: Vec<ReminderRow>,
    pub(super) reminders: Vec<ReminderRow>,
    pub(super) owners: HashSet<String>,
    /// The answers of this round, without those of creates.
    pub(super) answers: Vec<(usize, Task)>,
}

/// A new task without an id, and the place of the request that makes it.
pub(super) struct New {
    pub(super) place: usize,
    pub(super) task: Task,
}

pub(super) struct Changed {
    pub(super) place: usize,
    pub(super) task: Task,
}

impl Written {
    /// Drops and adds reminders of a task.
    pub(super) fn remind(
        &mut self,
        request: &EditRequest,
        task_id: i64,
        dropped: &[ReminderTime],
        added: &[ReminderTime],
    ) {
        let user_id = request.caller.user_id().as_str();
        let row = |time: &ReminderTime| ReminderRow { user_id: user_id.to_owned(), task_id, time: *time };
        self.dropped_reminders.extend(dropped.iter().map(row));
        self.reminders.extend(added.iter().map(row));
    }

    /// Inserts the new tasks, which get their ids by it, with their changes and reminders.
    async fn insert_new(
        &mut self,
        transaction: &mut Transaction,
        requests: &[ScheduledRequest],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        if self.new.is_empty() {
            return Ok(());
        }
        let request_of = |place: usize| &requests[place].request;
        let whole = |new: &New| WholeTask::new(request_of(new.place), new.task.clone());
        let tasks: Vec<WholeTask> = self.new.iter().map(whole).collect();
        let mut ids: HashMap<(String, i64), i64> = HashMap::new();
        let keep = |row: &dyn StoredRow| {
            ids.insert((row.text(1)?.to_owned(), row.time(2)?.timestamp_micros()), row.number(0)?);
            Ok(())
        };
        whole::INSERT.fetch_in(transaction, &Sent::all(&tasks), keep).await?;
        let mut new = take(&mut self.new);
        for New { place, task } in &mut new {
            let request = request_of(*place);
            let key = (request.caller.user_id().as_str().to_owned(), task.version());
            task.id = *ids.get(&key).ok_or(DbErr::RecordNotInserted)?;
            let is_future = |time: &ReminderTime| time.1 > now.timestamp_micros();
            let times: Vec<ReminderTime> = reminder_times(task).into_iter().filter(is_future).collect();
            self.remind(request, task.id, &[], &times);
            self.logged.push(LoggedTask::new(request, Kind::Created, task.version(), task.id, None));
        }
        self.new = new;
        Ok(())
    }

    /// Writes the rows, moves the clocks and claims the keys. Returns the answers by the places of the requests.
    pub(super) async fn write(
        self,
        transaction: &mut Transaction,
        requests: &[ScheduledRequest],
        clocks: &Clocks<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<(usize, Task)>, DbErr> {
        let mut written = self;
        let request_of = |place: usize| &requests[place].request;
        // First, because a completed task names the next one by its id.
        written.insert_new(transaction, requests, now).await?;
        let mut next = HashMap::new();
        for New { place, task } in take(&mut written.new) {
            if requests[place].edit == ScheduledEdit::Create {
                written.answers.push((place, task));
            } else {
                next.insert(place, task.id);
            }
        }
        let changed = written.changed.iter_mut().map(|changed| (changed.place, &mut changed.task));
        let others = written.answers.iter_mut().map(|(place, task)| (*place, task));
        for (place, task) in changed.chain(others) {
            if let (Some(next), Some(schedule)) = (next.get(&place), &mut task.schedule) {
                schedule.next = Some(*next);
            }
        }
        if !written.logged.is_empty() {
            whole::LOG.fetch_in(transaction, &Sent::all(&written.logged), |_| Ok(())).await?;
        }
        let whole = |changed: &Changed| WholeTask::new(request_of(changed.place), changed.task.clone());
        let changed: Vec<WholeTask> = written.changed.iter().chain(&written.later).map(whole).collect();
        if !changed.is_empty() {
            whole::UPDATE.fetch_in(transaction, &Sent::all(&changed), |_| Ok(())).await?;
        }
        if !written.deleted.is_empty() {
            whole::DELETE.fetch_in(transaction, &Sent::all(&written.deleted), |_| Ok(())).await?;
        }
        if !written.dropped_reminders.is_empty() {
            let dropped = Sent::all(&written.dropped_reminders);
            whole::DELETE_REMINDERS.fetch_in(transaction, &dropped, |_| Ok(())).await?;
        }
        if !written.reminders.is_empty() {
            whole::INSERT_REMINDERS.fetch_in(transaction, &Sent::all(&written.reminders), |_| Ok(())).await?;
        }
        let moved = written.owners.iter().filter_map(|name| Some((name.clone(), *clocks.get(name.as_str())?)));
        let moved: Vec<NamedClock> = moved.collect();
        if !moved.is_empty() {
            sequence::SPEND.fetch_in(transaction, &Sent::all(&moved), |_| Ok(())).await?;
        }
        let changed = written.changed.into_iter().map(|changed| (changed.place, changed.task));
        let answers: Vec<(usize, Task)> = written.answers.into_iter().chain(changed).collect();
        let claims =
            answers.iter().filter_map(|(place, task)| Claim::of(request_of(*place), now.timestamp_micros(), task));
        keys::claim_in(transaction, claims.collect()).await?;
        Ok(answers)
    }
}
