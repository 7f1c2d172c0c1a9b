use super::update::{replay, stale, update};
use crate::model::{Changes, Conditions, Description, Schedule, ScheduleChanges, Task, Title, Written};
use crate::recurrence::Series;
use crate::store::{Edit, MergeState, Remembered, Store};
use crate::{Caller, Error, Stale};

/// How often a merge is tried, if other writes come in between. Each try is two statements.
const ATTEMPTS: usize = 3;

/// A task after a change that was merged with those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The task after the change.
    pub task: Written<Task>,
    /// Whether the task had been changed since the version that the caller knew.
    pub is_merged: bool,
}

/// Changes the given fields of a task like [`update`], also if the task was changed since the version of the precondition,
/// unless the same field was changed to something else.
///
/// # Errors
/// Those of [`update`]. [`Error::Stale`] names the fields that were changed since, if the version of the precondition is still
/// known.
pub async fn merge(
    store: &Store,
    caller: &Caller,
    id: i64,
    changes: Changes,
    conditions: &Conditions,
) -> Result<Merged, Error> {
    match try_to_merge(store, caller, id, changes, conditions).await {
        // The key may be that of a request of another kind, which a merge does not find.
        Err(error @ (Error::Stale(_) | Error::NotFound | Error::NotOwner)) => {
            let task = replay(store, caller, conditions).await?.ok_or(error)?;
            Ok(Merged { task, is_merged: false })
        }
        other => other,
    }
}

async fn try_to_merge(
    store: &Store,
    caller: &Caller,
    id: i64,
    changes: Changes,
    conditions: &Conditions,
) -> Result<Merged, Error> {
    // Only one version can be the one that the caller started from.
    let Some(version) = conditions.precondition.only_version().filter(|_| changes != Changes::default()) else {
        let task = update(store, caller, id, changes, conditions).await?;
        return Ok(Merged { task, is_merged: false });
    };
    let key = conditions.key.as_ref();
    let mut expected = version;
    for _ in 0..=ATTEMPTS {
        let edit = Edit::Change(id, changes.clone());
        if !edit.adds_schedule()
            && let Some(task) = store.edit(caller, edit.clone(), Some(expected), key).await?
        {
            return Ok(Merged { task: Written::now(task), is_merged: expected != version });
        }
        let MergeState { current, base, done } = store.merge_state(caller, id, version, key).await?;
        if let (Some(done), Some(key)) = (done, key) {
            let Remembered::Task(task) = done.outcome_of(key)? else { return Err(Error::KeyReused) };
            return Ok(Merged { task: Written::before(task), is_merged: false });
        }
        let Some(current) = current else { return Err(store.missing(caller, id).await) };
        if current.version() == expected && (current.schedule.is_some() || edit.adds_schedule()) {
            if let Some(task) = store.edit_scheduled(caller, edit.scheduled(), Some(expected), key).await? {
                return Ok(Merged { task: Written::now(task), is_merged: expected != version });
            }
        } else if current.version() == expected && key.is_some() {
            // The key is the reason why nothing was written.
            return Err(stale(current));
        }
        expected = current.version();
        let conflicts = base.map(|base| conflicts(&changes, &base, &current));
        if conflicts.as_ref().is_none_or(|conflicts| !conflicts.is_empty()) {
            let conflicts = conflicts.unwrap_or_default();
            return Err(Error::Stale(Box::new(Stale { conflicts, ..Stale::of_task(current) })));
        }
    }
    Err(stale(super::get(store, caller, id).await?))
}

/// The fields that a request changes although they were changed since `base`, to something else than the request wants.
fn conflicts(changes: &Changes, base: &Task, current: &Task) -> Vec<&'static str> {
    let Changes { title, description, completed, priority, tags, due, schedule } = changes;
    let description = description.value().map(|text| text.as_ref().map(Description::as_str));
    let differs = [
        ("title", is_conflict(title.value().map(Title::as_str), &base.title, &current.title)),
        (
            "description",
            is_conflict(description.as_ref(), &base.description.as_deref(), &current.description.as_deref()),
        ),
        ("completed", is_conflict(completed.value(), &base.completed, &current.completed)),
        ("priority", is_conflict(priority.value(), &base.priority, &current.priority)),
        ("tags", is_conflict(tags.value(), &base.tags, &current.tags)),
        ("due_date", is_conflict(due.value(), &base.due, &current.due)),
    ];
    let of_schedule = schedule.iter().flat_map(|schedule| conflicts_of_schedule(schedule, base, current));
    differs.into_iter().chain(of_schedule).filter_map(|(field, is_conflict)| is_conflict.then_some(field)).collect()
}

/// The same for the parts of the schedule.
fn conflicts_of_schedule(changes: &ScheduleChanges, base: &Task, current: &Task) -> [(&'static str, bool); 5] {
    let ScheduleChanges { recurrence, zone, from, missed, reminders } = changes;
    let [base, current] = [base, current].map(|task| task.schedule.as_deref());
    let series = |schedule: Option<&Schedule>| schedule.and_then(|schedule| schedule.series.clone());
    let [base_series, current_series] = [series(base), series(current)];
    let rule = |series: &Option<Series>| series.as_ref().map(|series| series.rule.as_str().to_owned());
    let wanted_rule = recurrence.value().map(|rule| rule.as_ref().map(|rule| rule.text.clone()));
    let of_zone = |schedule: Option<&Schedule>| schedule.and_then(Schedule::zone);
    let of_reminders = |schedule: Option<&Schedule>| schedule.map(|it| it.reminders.clone()).unwrap_or_default();
    let of_from = |series: &Option<Series>| series.as_ref().map(|series| series.from);
    let of_missed = |series: &Option<Series>| series.as_ref().map(|series| series.missed);
    [
        ("recurrence", is_conflict(wanted_rule.as_ref(), &rule(&base_series), &rule(&current_series))),
        ("time_zone", is_conflict(zone.value(), &of_zone(base), &of_zone(current))),
        (
            "recurrence_from",
            is_conflict(from.value().copied().map(Some).as_ref(), &of_from(&base_series), &of_from(&current_series)),
        ),
        (
            "missed",
            is_conflict(
                missed.value().copied().map(Some).as_ref(),
                &of_missed(&base_series),
                &of_missed(&current_series),
            ),
        ),
        ("reminders", is_conflict(reminders.value(), &of_reminders(base), &of_reminders(current))),
    ]
}

fn is_conflict<T: PartialEq + ?Sized>(wanted: Option<&T>, base: &T, current: &T) -> bool {
    wanted.is_some_and(|wanted| current != base && current != wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_changed_to_something_else_is_a_conflict() {
        assert!(!is_conflict(None, "a", "b"), "the request does not change it");
        assert!(!is_conflict(Some("c"), "a", "a"), "others have not changed it");
        assert!(!is_conflict(Some("b"), "a", "b"), "others have changed it to the same");
        assert!(is_conflict(Some("c"), "a", "b"));
    }
}
