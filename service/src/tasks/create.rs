use sea_orm::DbErr;

use super::update::replay;
use crate::model::{Conditions, IdempotencyKey, NewTask, Task, Written};
use crate::store::{Edit, Store};
use crate::{Caller, Error};

/// Creates a task of the caller. It is not completed. With a key, the same request creates one task, however often it is sent.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::TooManyTasks`] if the caller has as many tasks as a user may have. Completed tasks count.
pub async fn create(
    store: &Store,
    caller: &Caller,
    new: NewTask,
    key: Option<IdempotencyKey>,
) -> Result<Written<Task>, Error> {
    let create = Edit::Create(new);
    let created = if create.adds_schedule() {
        store.edit_scheduled(caller, create.scheduled(), None, key.as_ref()).await
    } else {
        store.edit(caller, create, None, key.as_ref()).await
    };
    match created {
        Ok(None) if key.is_some() => {
            let conditions = Conditions { key, ..Conditions::default() };
            let replay = replay(store, caller, &conditions).await?;
            replay.ok_or(Error::Database(DbErr::RecordNotInserted.into()))
        }
        Ok(created) => Ok(Written::now(created.ok_or(Error::Database(DbErr::RecordNotInserted.into()))?)),
        // A task that was created before is not created once more either.
        Err(Error::TooManyTasks) => {
            let conditions = Conditions { key, ..Conditions::default() };
            replay(store, caller, &conditions).await?.ok_or(Error::TooManyTasks)
        }
        Err(error) => Err(error),
    }
}
