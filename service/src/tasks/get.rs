use super::owned::owned_by;
use super::task::Task;
use crate::{Caller, Db, Error};

/// One task of the caller's.
pub async fn get(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    let owned = owned_by(caller);
    match db.read(async |db| owned.select_one(id).one(db).await).await? {
        Some(row) => Ok(row.into()),
        None => owned.explain_missing(db, id).await,
    }
}
