//! Operations on all data of a caller. Reading it is [`tasks::list`](crate::tasks::list).

use crate::store::{Edit, Store};
use crate::{Caller, Error};

/// Erases all data of the caller in one statement. Returns the number of erased tasks.
pub async fn erase(store: &Store, caller: &Caller) -> Result<u64, Error> {
    Ok(store.edit(caller, Edit::Erase).await?.count)
}
