use chrono::{DateTime, TimeDelta, Utc};

use super::update::edit_scheduled;
use crate::model::{Conditions, ScheduledEdit, now};
use crate::store::Store;
use crate::{Caller, Error};

/// Lets a reminder of an open task of the caller fire this many minutes from now, also if it has fired. Returns the time. The first
/// reminder has the number 1. The task stays as it is, with its version.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::NoReminder`] if the task has no such
/// reminder. [`Error::Completed`] if the task is completed.
pub async fn snooze(
    store: &Store,
    caller: &Caller,
    id: i64,
    (number, minutes): (u16, u32),
) -> Result<DateTime<Utc>, Error> {
    let at = now() + TimeDelta::minutes(minutes.into());
    let edit = ScheduledEdit::Snooze { number, at: at.timestamp_micros() };
    edit_scheduled(store, caller, id, edit, &Conditions::default()).await?;
    Ok(at)
}
