//! Transactions that write many rows of one owner.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::timeout;

use super::sequence::{self, Clock};
use crate::batch::Holds;
use crate::db::{ACQUIRE_TIMEOUT, Db, Transaction};
use crate::model::Changes;
use crate::store::input::Sent;
use crate::store::request::EditRequest;
use crate::{Caller, Cause, Error, UserId};

/// Holds the owner, so that no batch of this process waits for the lock, and runs a transaction. The outer result of `work` is
/// that of the database.
pub(super) async fn transact<T, F: Future<Output = Result<Result<T, Error>, DbErr>>>(
    db: &Db,
    holds: &Arc<Holds<UserId>>,
    caller: &Caller,
    limit: Duration,
    work: impl Fn(Transaction) -> F,
) -> Result<T, Error> {
    let late = |_| Error::Unavailable(Cause::of("other writes of the user did not end in time"));
    let held = timeout(ACQUIRE_TIMEOUT, holds.hold(caller.user_id().clone())).await.map_err(late)?;
    let outcome = db.transact(limit, work).await;
    drop(held);
    outcome?
}

/// Locks the owner by a statement of its own, so that the next ones see every write that was committed before. Returns the
/// owner's clock, if there is a row.
pub(super) async fn lock(transaction: &mut Transaction, caller: &Caller) -> Result<Option<Clock>, DbErr> {
    let owner = [EditRequest::of(caller.clone(), None, Changes::default())];
    let clocks = sequence::hold(transaction, &Sent::all(&owner)).await?;
    Ok(clocks.get(caller.user_id().as_str()).copied())
}
