use super::update::replay;
use crate::model::{Conditions, IdempotencyKey, Task, Written};
use crate::store::Store;
use crate::{Caller, Error};

/// Restores a task of the caller's trash with its id, as it was when it was deleted, and returns it. Its version is a new one. A
/// task that exists is returned as it is, and nothing is written.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::NotFound`] if the caller's trash does not have it, also if the task is another user's.
/// [`Error::TooManyTasks`].
pub async fn restore(
    store: &Store,
    caller: &Caller,
    id: i64,
    key: Option<IdempotencyKey>,
) -> Result<Written<Task>, Error> {
    if let Some(task) = store.restore(caller, id, key.as_ref()).await? {
        return Ok(Written::now(task));
    }
    let conditions = Conditions { key, ..Conditions::default() };
    replay(store, caller, &conditions).await?.ok_or(Error::NotFound)
}
