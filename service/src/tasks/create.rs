use sea_orm::DbErr;

use crate::model::{NewTask, Task};
use crate::store::{Edit, Store};
use crate::{Caller, Error};

/// Creates a task of the caller. It is not completed.
///
/// # Errors
/// [`Error::TooManyTasks`] if the caller has as many tasks as a user may have. Completed tasks count.
pub async fn create(store: &Store, caller: &Caller, new: NewTask) -> Result<Task, Error> {
    let created = store.edit(caller, Edit::Create(new), None).await?;
    created.ok_or(Error::Database(DbErr::RecordNotInserted.into()))
}
