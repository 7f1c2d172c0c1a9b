use super::batch::Get;
use super::owned::owned_by;
use super::task::Task;
use crate::db::batch::ask;
use crate::{Caller, Db, Error};

/// One task of the caller's.
pub async fn get(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    match ask::<Get>(db, (caller.clone(), id)).await? {
        Some(task) => Ok(task),
        None => owned_by(caller).explain_missing(db, id).await,
    }
}
