use super::update::edit_scheduled;
use crate::model::{Conditions, ScheduledEdit, Task, Written};
use crate::store::Store;
use crate::{Caller, Error};

/// Lets a reminder of an open task of the caller fire this many minutes from now, also if it has fired. The first reminder has
/// the number 1. The task stays as it is, with its version, and is returned.
///
/// # Errors
/// [`Error::KeyReused`]. [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id, or if the task has
/// no such reminder or is completed. [`Error::Stale`] if the precondition does not hold.
pub async fn snooze(
    store: &Store,
    caller: &Caller,
    id: i64,
    (number, minutes): (u16, u32),
    conditions: &Conditions,
) -> Result<Written<Task>, Error> {
    let edit = ScheduledEdit::Snooze { number, seconds: minutes.saturating_mul(60) };
    edit_scheduled(store, caller, id, edit, conditions).await
}
