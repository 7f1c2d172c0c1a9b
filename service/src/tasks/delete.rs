use super::update::edit_one;
use crate::model::Task;
use crate::store::{BulkEdit, Edit, Store};
use crate::{Caller, Error};

/// Deletes a task of the caller, and returns it as it was.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id.
pub async fn delete(store: &Store, caller: &Caller, id: i64) -> Result<Task, Error> {
    edit_one(store, caller, id, Edit::Delete(id)).await
}

/// Deletes the completed tasks of the caller, in steps of a few thousand. No step begins after ten seconds. Returns the number of
/// those that were deleted. If there are more, a repeated call goes on.
///
/// # Errors
/// [`Error::Busy`], or an error of the database before any task was deleted.
pub async fn delete_completed(store: &Store, caller: &Caller) -> Result<u64, Error> {
    let (count, _) = store.edit_all(caller, BulkEdit::DeleteCompleted).await?;
    Ok(count)
}
