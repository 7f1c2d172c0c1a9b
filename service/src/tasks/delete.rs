use super::update::edit_one;
use crate::model::{Precondition, Task};
use crate::store::{BulkEdit, Edit, Store};
use crate::{Caller, Error};

/// Deletes a task of the caller, and returns it as it was.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Stale`] if the precondition does
/// not hold.
pub async fn delete(store: &Store, caller: &Caller, id: i64, precondition: &Precondition) -> Result<Task, Error> {
    edit_one(store, caller, id, Edit::Delete(id), precondition).await
}

/// Deletes the completed tasks of the caller: up to 10,000 in one transaction, more in steps of 5,000. No step begins after ten
/// seconds. Returns the number of those that were deleted. If there are more, a repeated call goes on. The precondition is one on
/// the state of the caller's list.
///
/// # Errors
/// [`Error::Busy`], [`Error::Stale`], or an error of the database before any task was deleted.
pub async fn delete_completed(store: &Store, caller: &Caller, precondition: &Precondition) -> Result<u64, Error> {
    let (count, _) = store.edit_all(caller, BulkEdit::DeleteCompleted, precondition.clone()).await?;
    Ok(count)
}
