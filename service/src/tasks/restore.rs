use crate::model::Task;
use crate::store::Store;
use crate::{Caller, Error};

/// Restores a task of the caller's trash with its id, as it was when it was deleted, and returns it. Its version is a new one. A
/// task that exists is returned as it is, and nothing is written.
///
/// # Errors
/// [`Error::NotFound`] if the caller's trash does not have it, also if the task is another user's. [`Error::TooManyTasks`].
pub async fn restore(store: &Store, caller: &Caller, id: i64) -> Result<Task, Error> {
    store.restore(caller, id).await?.ok_or(Error::NotFound)
}
