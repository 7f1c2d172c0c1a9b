use crate::model::{Changes, Precondition, Task};
use crate::store::{Edit, Store};
use crate::{Caller, Error, Stale};

/// Changes the given fields of a task of the caller. The other fields keep their values, including those that another request
/// writes at the same time. An update without any change writes nothing.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Stale`] if the precondition does
/// not hold.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: i64,
    changes: Changes,
    precondition: &Precondition,
) -> Result<Task, Error> {
    if changes == Changes::default() {
        let task = super::get(store, caller, id).await?;
        return if precondition.holds(task.version()) { Ok(task) } else { Err(stale(task)) };
    }
    edit_one(store, caller, id, Edit::Change(id, changes), precondition).await
}

/// Writes to the task with this id if the precondition holds, and returns it. It is one statement, unless the precondition names
/// several versions or does not hold.
pub(super) async fn edit_one(
    store: &Store,
    caller: &Caller,
    id: i64,
    edit: Edit,
    precondition: &Precondition,
) -> Result<Task, Error> {
    let if_version = match (precondition, precondition.only_version()) {
        (Precondition::Exists, _) => None,
        (_, Some(version)) => Some(version),
        // The task cannot come back to an earlier version, so the version that it has now is the only one that can hold.
        (Precondition::OneOf(_), None) => {
            let task = super::get(store, caller, id).await?;
            if !precondition.holds(task.version()) {
                return Err(stale(task));
            }
            Some(task.version())
        }
    };
    match (store.edit(caller, edit, if_version).await?, if_version) {
        (Some(task), _) => Ok(task),
        (None, None) => Err(store.missing(caller, id).await),
        (None, Some(_)) => Err(stale(super::get(store, caller, id).await?)),
    }
}

pub(super) fn stale(current: Task) -> Error {
    Error::Stale(Box::new(Stale::of_task(current)))
}
