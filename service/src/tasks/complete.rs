use super::update::edit_one;
use crate::model::{Change, Changes, Conditions, Task, Written};
use crate::store::{BulkEdit, Edit, Store};
use crate::{Caller, Error};

/// Flips whether a task of the caller is completed, in one atomic statement: two concurrent requests flip it twice.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Stale`] if
/// the precondition does not hold.
pub async fn toggle_completed(
    store: &Store,
    caller: &Caller,
    id: i64,
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    edit_one(store, caller, id, Edit::Toggle(id), conditions).await
}

/// Sets whether a task of the caller is completed. Unlike a toggle it can be repeated safely.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Stale`] if
/// the precondition does not hold.
pub async fn set_completed(
    store: &Store,
    caller: &Caller,
    id: i64,
    completed: bool,
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    let changes = Changes { completed: Change::To(completed), ..Changes::default() };
    super::update(store, caller, id, changes, conditions).await
}

/// Completes the tasks of the caller that are not completed: up to 10,000 in one transaction, more in steps of 5,000. A step
/// also ends if rules take long to compute. No step begins after ten seconds. Returns the number of those that were completed. If there are more, a repeated call goes on. The
/// precondition is one on the state of the caller's list.
///
/// # Errors
/// [`Error::Busy`], [`Error::KeyReused`], [`Error::Stale`], or an error of the database before any task was completed.
pub async fn complete_all(store: &Store, caller: &Caller, conditions: &Conditions) -> Result<Written<u64>, Error> {
    store.edit_all(caller, BulkEdit::CompleteAll, conditions.clone()).await.map(|(count, _)| count)
}
