//! Operations on all data of a caller. Reading it is [`tasks::WholeList`](crate::tasks::WholeList).

use crate::model::Conditions;
use crate::store::{BulkEdit, Store};
use crate::{Caller, Cause, Error};

/// Erases all data of the caller, in steps of a few thousand tasks. No step begins after ten seconds. Returns the number of
/// erased tasks.
///
/// # Errors
/// [`Error::Busy`]. [`Error::Unavailable`] if not everything could be erased in time. A repeated call goes on.
pub async fn erase(store: &Store, caller: &Caller) -> Result<u64, Error> {
    let (erased, is_complete) = store.edit_all(caller, BulkEdit::Erase, Conditions::default()).await?;
    if is_complete {
        return Ok(erased.value);
    }
    Err(Error::Unavailable(Cause::of("not everything could be erased in time")))
}
