use super::owned::owned_by;
use super::task::Task;
use crate::{Caller, Db, Error};

/// Deletes a task of the caller's and returns what it was.
pub async fn delete(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    let owned = owned_by(caller);
    match db.write(async |db| owned.delete(id).exec_with_returning(db).await).await?.pop() {
        Some(row) => Ok(row.into()),
        None => owned.explain_missing(db, id).await,
    }
}
