use crate::model::{Changes, Conditions, Precondition, ScheduledEdit, Task, Written};
use crate::store::{Edit, Remembered, Store};
use crate::{Caller, Error, Stale};

/// Changes the given fields of a task of the caller. The other fields keep their values, including those that another request
/// writes at the same time. An update without any change writes nothing.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Stale`] if
/// the precondition does not hold.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: i64,
    changes: Changes,
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    if changes != Changes::default() {
        return edit_one(store, caller, id, Edit::Change(id, changes), conditions).await;
    }
    if let Some(replay) = replay(store, caller, conditions).await? {
        return Ok(replay);
    }
    let task = super::get(store, caller, id).await?;
    if conditions.precondition.holds(task.version()) { Ok(Written::now(task)) } else { Err(stale(task)) }
}

/// Writes to the task with this id if the precondition holds and the key is new, and returns it. It is one statement, unless
/// the task has a schedule or gets one, the precondition names several versions, or nothing was written.
pub(super) async fn edit_one(
    store: &Store,
    caller: &Caller,
    id: i64,
    edit: Edit,
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    let if_version = match version_of(store, caller, id, conditions).await? {
        Wanted::Version(version) => version,
        Wanted::Replay(task) => return Ok(task),
    };
    let key = conditions.key.as_ref();
    if !edit.adds_schedule() {
        if let Some(task) = store.edit(caller, edit.clone(), if_version, key).await? {
            return Ok(Written::now(task));
        }
        if let Some(replay) = replay(store, caller, conditions).await? {
            return Ok(replay);
        }
        match store.get(caller, id).await? {
            None => return Err(store.missing(caller, id).await),
            Some(task) if if_version.is_some_and(|wanted| wanted != task.version()) => return Err(stale(task)),
            // The statement does not find a task that has a schedule.
            Some(_) => {}
        }
    }
    let scheduled = store.edit_scheduled(caller, edit.scheduled(), if_version, key).await?;
    written_or_why_not(store, caller, id, scheduled, (if_version, conditions)).await
}

/// The version that a write demands.
enum Wanted {
    /// This one, or any.
    Version(Option<i64>),
    /// The same request was done before.
    Replay(Written<Task>),
}

/// Reads the task if the precondition names several versions.
async fn version_of(store: &Store, caller: &Caller, id: i64, conditions: &Conditions) -> Result<Wanted, Error> {
    let precondition = &conditions.precondition;
    Ok(Wanted::Version(match (precondition, precondition.only_version()) {
        (Precondition::Exists, _) => None,
        (_, Some(version)) => Some(version),
        // The task cannot come back to an earlier version, so the version that it has now is the only one that can hold.
        (Precondition::OneOf(_), None) => match super::get(store, caller, id).await {
            Ok(task) if precondition.holds(task.version()) => Some(task.version()),
            other => {
                let replay = replay(store, caller, conditions).await?;
                return replay.map(Wanted::Replay).ok_or_else(|| other.map_or_else(|error| error, stale));
            }
        },
    }))
}

/// The same as [`edit_one`] for an edit that only tasks with a schedule have.
pub(super) async fn edit_scheduled(
    store: &Store,
    caller: &Caller,
    id: i64,
    edit: ScheduledEdit,
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    let if_version = match version_of(store, caller, id, conditions).await? {
        Wanted::Version(version) => version,
        Wanted::Replay(task) => return Ok(task),
    };
    let edit = (edit, Some(id), Changes::default());
    let scheduled = store.edit_scheduled(caller, edit, if_version, conditions.key.as_ref()).await?;
    written_or_why_not(store, caller, id, scheduled, (if_version, conditions)).await
}

/// The task that a write returned, or the reason why it found nothing to do.
async fn written_or_why_not(
    store: &Store,
    caller: &Caller,
    id: i64,
    written: Option<Task>,
    (if_version, conditions): (Option<i64>, &Conditions),
) -> Result<Written<Task>, Error> {
    if let Some(task) = written {
        return Ok(Written::now(task));
    }
    if let Some(replay) = replay(store, caller, conditions).await? {
        return Ok(replay);
    }
    match if_version {
        None => Err(store.missing(caller, id).await),
        Some(_) => Err(stale(super::get(store, caller, id).await?)),
    }
}

/// The outcome of the same request, if it was done before.
pub(super) async fn replay(
    store: &Store,
    caller: &Caller,
    conditions: &Conditions,
) -> Result<Option<Written<Task>>, Error> {
    let Some(key) = &conditions.key else { return Ok(None) };
    match store.remembered(caller, key).await? {
        Some(Remembered::Task(task)) => Ok(Some(Written::before(task))),
        Some(Remembered::Count(_) | Remembered::CountSoFar(_)) => Err(Error::KeyReused),
        None => Ok(None),
    }
}

pub(super) fn stale(current: Task) -> Error {
    Error::Stale(Box::new(Stale::of_task(current)))
}
