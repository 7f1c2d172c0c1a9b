use crate::model::{Changes, Task};
use crate::store::{Edit, Store};
use crate::{Caller, Error};

/// Changes the given fields of a task of the caller. The other fields keep their values, including those that another request
/// writes at the same time. An update without any change writes nothing.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id.
pub async fn update(store: &Store, caller: &Caller, id: i64, changes: Changes) -> Result<Task, Error> {
    if changes == Changes::default() {
        return super::get(store, caller, id).await;
    }
    edit_one(store, caller, id, Edit::Change(id, changes)).await
}

/// Writes to the task with this id, and returns it.
pub(super) async fn edit_one(store: &Store, caller: &Caller, id: i64, edit: Edit) -> Result<Task, Error> {
    match store.edit(caller, edit).await? {
        Some(task) => Ok(task),
        None => Err(store.missing(caller, id).await),
    }
}
