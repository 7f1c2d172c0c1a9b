use crate::model::Task;
use crate::store::Store;
use crate::{Caller, Error};

/// Returns one task of the caller.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id.
pub async fn get(store: &Store, caller: &Caller, id: i64) -> Result<Task, Error> {
    match store.get(caller, id).await? {
        Some(task) => Ok(task),
        None => Err(store.missing(caller, id).await),
    }
}
