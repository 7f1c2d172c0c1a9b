use super::update::edit_one;
use crate::model::Task;
use crate::store::{Edit, Store};
use crate::{Caller, Error};

/// Deletes a task of the caller, and returns it as it was.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id.
pub async fn delete(store: &Store, caller: &Caller, id: i64) -> Result<Task, Error> {
    edit_one(store, caller, id, Edit::Delete(id)).await
}

/// Deletes every completed task of the caller, in one statement. Returns their number.
pub async fn delete_completed(store: &Store, caller: &Caller) -> Result<u64, Error> {
    Ok(store.edit(caller, Edit::DeleteCompleted).await?.count)
}
