//! What an edit does to a task that has a schedule, or gets one. There is no SQL here: the store reads what is needed before,
//! and writes what comes out.

use chrono::{DateTime, Utc};

use super::{
    Change, Changes, Description, InvalidSchedule, Priority, Reminder, RuleText, Schedule, ScheduleChanges, Tags, Task,
    Title, Zone,
};
use crate::Error;
use crate::recurrence::{InvalidRecurrence, Missed, Occurrence, RecurFrom, Recurrence, Series, Slot};

/// An edit of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledEdit {
    /// Creates a task with the fields of the changes.
    Create,
    /// Makes the changes.
    Change,
    /// Flips whether the task is completed.
    Toggle,
    /// Deletes the task. An open occurrence is skipped: the next one is made.
    Delete,
    /// Deletes the task and all open tasks of its series. No next one is made.
    DeleteSeries,
    /// Lets the reminder with this number fire at a time, in microseconds since 1970. The task stays as it is.
    Snooze { number: u16, at: i64 },
}

/// What is known about the series of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The last occurrence of the series without the task.
    pub(crate) last_other: Option<Slot>,
    /// The occurrence that the completion of the task made, if it exists.
    pub(crate) next: Option<Task>,
    /// The open tasks of the series. They are only read if [`needs_open`].
    pub(crate) open: Vec<Task>,
}

/// Whether an edit depends on the open tasks of the series: one that deletes the series, and one that names a rule of a series
/// with a later occurrence.
pub(crate) fn needs_open(task: &Task, edit: ScheduledEdit, changes: &Changes, around: &Surroundings) -> bool {
    let names_rule = changes.schedule.as_ref().is_some_and(|schedule| {
        schedule.recurrence != Change::Keep || schedule.from != Change::Keep || schedule.missed != Change::Keep
    });
    match edit {
        ScheduledEdit::DeleteSeries => task.series_id.is_some(),
        ScheduledEdit::Change => names_rule && is_before_another(task, around),
        _ => false,
    }
}

/// Whether the series of a task has a later occurrence.
fn is_before_another(task: &Task, around: &Surroundings) -> bool {
    around.last_other.as_ref().is_some_and(|last| Some(last) > task.occurrence.as_deref())
}

/// What an edit does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The task after the edit. `None` if it is deleted, or stays as it is.
    pub(crate) changed: Option<Task>,
    /// The next occurrence. It has neither an id nor a version.
    pub(crate) next: Option<Task>,
    /// Later occurrences whose rule changes too, as they were and as they are. Those have no version.
    pub(crate) later: Vec<(Task, Task)>,
    /// The tasks that are deleted, as they were.
    pub(crate) deleted: Vec<Task>,
    /// The reminder that fires at another time: its number, and the time in microseconds.
    pub(crate) snoozed: Option<ReminderTime>,
    /// The number of steps that the search for the next occurrence took. A slow rule takes 100,000.
    pub(crate) steps: u32,
}

/// The number of a reminder, and the time at which it fires, in microseconds since 1970.
pub(crate) type ReminderTime = (i16, i64);

/// The times at which a task reminds. A completed task does not remind.
pub(crate) fn reminder_times(task: &Task) -> Vec<ReminderTime> {
    let Some(schedule) = task.schedule.as_ref().filter(|_| !task.completed) else { return Vec::new() };
    let time = |(number, reminder): (i16, &Reminder)| {
        Some((number, reminder.fires_at(task.due.as_ref(), schedule.zone())?.timestamp_micros()))
    };
    (1..).zip(&schedule.reminders).filter_map(time).collect()
}

/// The task that a create makes. It has no id. `at` is the time of the write, whose number is that of a new series.
pub(crate) fn created(changes: &Changes, at: DateTime<Utc>) -> Result<Task, Error> {
    let plain = Task {
        id: 0,
        title: String::new(),
        description: None,
        completed: false,
        created_at: at,
        updated_at: at,
        completed_at: None,
        priority: Priority::None,
        tags: Tags::default(),
        due: None,
        series_id: None,
        occurrence: None,
        schedule: None,
    };
    Ok(with_changes(&plain, changes, None, at)?)
}

/// What an edit other than a create does to a task. `at` is the time of the write, `now` the current time.
pub(crate) fn apply(
    task: &Task,
    edit: ScheduledEdit,
    changes: &Changes,
    around: &Surroundings,
    (at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Outcome, Error> {
    match edit {
        ScheduledEdit::Delete => {
            let (next, steps) = if task.completed { (None, 0) } else { next_of(task, around, now) };
            Ok(Outcome { next, deleted: vec![task.clone()], steps, ..Outcome::default() })
        }
        ScheduledEdit::DeleteSeries => {
            let others = around.open.iter().filter(|open| open.id != task.id);
            Ok(Outcome { deleted: [task].into_iter().chain(others).cloned().collect(), ..Outcome::default() })
        }
        ScheduledEdit::Snooze { number, at } => {
            let reminders = task.schedule.as_ref().map_or(0, |schedule| schedule.reminders.len());
            let number = Some(number).filter(|number| (1..=reminders).contains(&usize::from(*number)));
            let number = number.and_then(|number| i16::try_from(number).ok()).ok_or(Error::NoReminder)?;
            if task.completed {
                return Err(Error::Completed);
            }
            Ok(Outcome { snoozed: Some((number, at)), ..Outcome::default() })
        }
        ScheduledEdit::Create | ScheduledEdit::Change | ScheduledEdit::Toggle => {
            let mut after = with_changes(task, changes, around.last_other.as_ref(), at)?;
            if edit == ScheduledEdit::Toggle {
                after.completed = !task.completed;
            }
            // Nothing is known about a series that begins with this edit, because it has no other task.
            let nothing = Surroundings::default();
            let around = if after.series_id == task.series_id { around } else { &nothing };
            let mut outcome = Outcome::default();
            match (task.completed, after.completed) {
                (false, true) => {
                    after.completed_at = Some(at);
                    (outcome.next, outcome.steps) = next_of(&after, around, now);
                    if let Some(schedule) = &mut after.schedule {
                        // The one that an earlier completion made, if it stayed when that was taken back.
                        schedule.next = around.next.as_ref().map(|next| next.id);
                    }
                }
                (true, false) => {
                    after.completed_at = None;
                    outcome.deleted.extend(take_back(&mut after, around));
                }
                _ => {}
            }
            outcome.later = later_with_rule(task, &after, around, &outcome.deleted)?;
            outcome.changed = Some(after);
            Ok(outcome)
        }
    }
}

/// The later open occurrences of a series whose rule changes or ends, each before and after that. They get the rule, and keep their
/// due dates and time zones, so that each still stands for its own occurrence. There can be many of them, so no date is searched.
fn later_with_rule(
    task: &Task,
    after: &Task,
    around: &Surroundings,
    deleted: &[Task],
) -> Result<Vec<(Task, Task)>, InvalidSchedule> {
    fn series(task: &Task) -> Option<&Series> {
        task.schedule.as_ref()?.series.as_ref()
    }
    fn rule(series: &Series) -> (&Recurrence, RecurFrom, Missed) {
        (&series.rule, series.from, series.missed)
    }
    let new = series(after);
    if series(task).map(rule) == new.map(rule) {
        return Ok(Vec::new());
    }
    let with_rule = |open: &Task| -> Result<Option<(Task, Task)>, InvalidSchedule> {
        let (Some(schedule), Some(old), Some(due)) = (&open.schedule, series(open), &open.due) else {
            return Ok(None);
        };
        let changed = match new {
            None => None,
            Some(new) if new.rule == old.rule => Some(Series { from: new.from, missed: new.missed, ..old.clone() }),
            Some(new) => {
                new.rule.check_later(due, old.zone)?;
                Some(Series::new(new.rule.clone(), old.zone, new.from, new.missed))
            }
        };
        let own_zone = Some(old.zone).filter(|_| changed.is_none());
        let schedule = Schedule { series: changed, own_zone, ..(**schedule).clone() }.unless_empty();
        Ok(Some((open.clone(), Task { schedule, ..open.clone() })))
    };
    let is_later = |open: &&Task| open.occurrence > task.occurrence && deleted.iter().all(|gone| gone.id != open.id);
    around.open.iter().filter(is_later).filter_map(|open| with_rule(open).transpose()).collect()
}

/// The occurrence after this one, with the number of steps that the search took. There is none if the series has a later one
/// already: it goes on there.
fn next_of(task: &Task, around: &Surroundings, now: DateTime<Utc>) -> (Option<Task>, u32) {
    let (Some(schedule), Some(slot), Some(due)) = (&task.schedule, &task.occurrence, &task.due) else {
        return (None, 0);
    };
    let Some(series) =
        schedule.series.as_ref().filter(|_| around.last_other.as_ref().is_none_or(|last| *last <= **slot))
    else {
        return (None, 0);
    };
    let (next, steps) = series.next_counted(slot, due, now);
    (next.map(|next| task_of(next, task, schedule, series)), steps)
}

/// The task of the occurrence after a task.
fn task_of(next: Occurrence, task: &Task, schedule: &Schedule, series: &Series) -> Task {
    let schedule = Schedule {
        series: Some(Series { left: next.left, ..series.clone() }),
        own_zone: None,
        reminders: schedule.reminders.iter().filter(|reminder| reminder.is_relative()).cloned().collect(),
        next: None,
    };
    Task {
        id: 0,
        completed: false,
        completed_at: None,
        due: Some(next.due),
        occurrence: Some(Box::new(next.slot)),
        schedule: Some(Box::new(schedule)),
        ..task.clone()
    }
}

/// Takes back what the completion of a task made. Returns the next occurrence if it is to be deleted: nothing was written to it
/// since it was made. If something was, the task goes on naming it. If it was deleted with the series, the series stays ended.
fn take_back(task: &mut Task, around: &Surroundings) -> Option<Task> {
    let is_last = !is_before_another(task, around);
    let schedule = task.schedule.as_mut()?;
    let id = schedule.next.take()?;
    match around.next.as_ref().filter(|next| next.id == id) {
        Some(next) if !next.completed && next.updated_at == next.created_at => Some(next.clone()),
        Some(_) => {
            schedule.next = Some(id);
            None
        }
        None => {
            let zone = schedule.zone();
            schedule.series = schedule.series.take().filter(|_| !is_last);
            schedule.own_zone = zone.filter(|_| schedule.series.is_none());
            task.schedule = task.schedule.take().and_then(|schedule| schedule.unless_empty());
            None
        }
    }
}

/// The task with the changes of its fields, but for what follows from a completion.
fn with_changes(
    task: &Task,
    changes: &Changes,
    last_other: Option<&Slot>,
    at: DateTime<Utc>,
) -> Result<Task, InvalidSchedule> {
    let Changes { title, description, completed, priority, tags, due, schedule } = changes;
    let mut after = Task {
        title: title.value().map_or_else(|| task.title.clone(), |title| Title::as_str(title).to_owned()),
        description: match description {
            Change::Keep => task.description.clone(),
            Change::To(text) => text.as_ref().map(|text| Description::as_str(text).to_owned()),
        },
        completed: completed.value().copied().unwrap_or(task.completed),
        priority: priority.value().copied().unwrap_or(task.priority),
        tags: tags.value().unwrap_or(&task.tags).clone(),
        due: due.value().unwrap_or(&task.due).clone(),
        updated_at: at,
        ..task.clone()
    };
    let unchanged = ScheduleChanges::default();
    reschedule(task, &mut after, schedule.as_deref().unwrap_or(&unchanged), last_other)?;
    Ok(after)
}

/// Changes the schedule of a task. Its due date is changed already.
fn reschedule(
    task: &Task,
    after: &mut Task,
    changes: &ScheduleChanges,
    last_other: Option<&Slot>,
) -> Result<(), InvalidSchedule> {
    let old = task.schedule.as_deref().cloned().unwrap_or_default();
    let zone = changes.zone.value().copied().unwrap_or_else(|| old.zone());
    let has_moved = after.due != task.due || zone != old.zone();
    let (was_series, had_due) = (old.series.is_some(), task.due.is_some());
    let series = changed_series(after, old.series, changes, zone, has_moved)?;
    let reminders = changes.reminders.value().cloned().unwrap_or(old.reminders);
    if reminders.len() > Schedule::MAX_REMINDERS {
        return Err(InvalidSchedule::TooManyReminders);
    }
    if reminders.iter().any(Reminder::is_relative) {
        match (&after.due, zone) {
            (None, _) if changes.reminders == Change::Keep && had_due => {
                return Err(InvalidSchedule::DueDateOfReminders);
            }
            (None, _) => return Err(InvalidSchedule::ReminderWithoutDueDate),
            (_, None) => return Err(InvalidSchedule::NoZone),
            _ => {}
        }
    }
    if let (Some(series), Some(due)) = (&series, &after.due) {
        let slot = series.slot_of(due);
        if !was_series {
            (after.series_id, after.occurrence) = (Some(after.version()), Some(Box::new(slot)));
        } else if has_moved && !task.completed && last_other.is_none_or(|last| slot > *last) {
            // Slots of a series only rise. An occurrence that is moved before another one keeps standing for its own.
            after.occurrence = Some(Box::new(slot));
        }
    }
    let own_zone = zone.filter(|_| series.is_none());
    after.schedule = Schedule { series, own_zone, reminders, next: old.next }.unless_empty();
    Ok(())
}

/// The rule of a task after a change.
fn changed_series(
    task: &Task,
    old: Option<Series>,
    changes: &ScheduleChanges,
    zone: Option<Zone>,
    has_moved: bool,
) -> Result<Option<Series>, InvalidSchedule> {
    let series = match (&changes.recurrence, &task.due, zone) {
        (Change::To(None), ..) => None,
        (Change::To(Some(RuleText { text, .. })), Some(due), Some(zone)) => {
            let rule = Recurrence::parse(text, due, zone)?;
            Some(match old {
                // A form sends the rule that it has read. The rest of COUNT is kept.
                Some(old) if old.rule == rule => Series { zone, ..old },
                Some(old) => Series::new(rule, zone, old.from, old.missed),
                None => Series::new(rule, zone, RecurFrom::default(), Missed::default()),
            })
        }
        (Change::To(Some(RuleText { is_optional: true, .. })) | Change::Keep, ..) if old.is_none() => None,
        (Change::To(Some(RuleText { is_optional: false, .. })), None, _) if old.is_none() => {
            return Err(InvalidSchedule::RuleWithoutDueDate);
        }
        (_, None, _) => return Err(InvalidSchedule::DueDateOfSeries),
        (_, _, None) => return Err(InvalidSchedule::NoZone),
        (_, Some(due), Some(zone)) => {
            if let Some(old) = old.as_ref().filter(|_| has_moved) {
                match Recurrence::parse(old.rule.as_str(), due, zone) {
                    // An occurrence can be moved behind the end of its series, which then has no next one.
                    Ok(_) | Err(InvalidRecurrence::UntilBeforeDue | InvalidRecurrence::Never) => {}
                    Err(problem) => return Err(problem.into()),
                }
            }
            old.map(|old| Series { zone, ..old })
        }
    };
    Ok(series.map(|series| Series {
        from: changes.from.value().copied().unwrap_or(series.from),
        missed: changes.missed.value().copied().unwrap_or(series.missed),
        ..series
    }))
}

#[cfg(test)]
mod tests;
