use super::owned::owned_by;
use super::row;
use super::task::Task;
use crate::{Caller, Db, Error};

/// One task of the caller's.
pub async fn get(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    let owned = owned_by(caller);
    let select = owned.select_one(id);
    match db.read(async |db| row::fetch(db, &select).await).await?.pop() {
        Some(task) => Ok(task),
        None => owned.explain_missing(db, id).await,
    }
}
