use super::update::{edit_one, edit_scheduled};
use crate::model::{Conditions, ScheduledEdit, Task, Written};
use crate::store::{BulkEdit, Edit, Store};
use crate::{Caller, Error};

/// Deletes a task of the caller, and returns it as it was. An open occurrence of a series is skipped: the next one is made.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Stale`] if
/// the precondition does not hold.
pub async fn delete(store: &Store, caller: &Caller, id: i64, conditions: &Conditions) -> Result<Written<Task>, Error> {
    edit_one(store, caller, id, Edit::Delete(id), conditions).await
}

/// Deletes a task of the caller with all open tasks of its series, which ends by it, and returns the task as it was. Completed
/// occurrences stay. A task without a series is deleted like by [`delete`].
///
/// # Errors
/// Those of [`delete`].
pub async fn delete_series(
    store: &Store,
    caller: &Caller,
    id: i64,
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    edit_scheduled(store, caller, id, ScheduledEdit::DeleteSeries, conditions).await
}

/// Deletes the completed tasks of the caller: up to 10,000 in one transaction, more in steps of 5,000. No step begins after ten
/// seconds. Returns the number of those that were deleted. If there are more, a repeated call goes on. The precondition is one on
/// the state of the caller's list.
///
/// # Errors
/// [`Error::Busy`], [`Error::KeyReused`], [`Error::Stale`], or an error of the database before any task was deleted.
pub async fn delete_completed(store: &Store, caller: &Caller, conditions: &Conditions) -> Result<Written<u64>, Error> {
    store.edit_all(caller, BulkEdit::DeleteCompleted, conditions.clone()).await.map(|(count, _)| count)
}
