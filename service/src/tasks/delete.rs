use ::entity::task::Column;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::owned::owned_by;
use super::row;
use super::task::Task;
use crate::{Caller, Db, Error};

/// Deletes a task of the caller's and returns what it was.
pub async fn delete(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    let owned = owned_by(caller);
    let mut delete = owned.delete(id);
    delete.returning(row::returning());
    match db.write(async |db| row::fetch(db, &delete).await).await?.pop() {
        Some(task) => Ok(task),
        None => owned.explain_missing(db, id).await,
    }
}

/// Deletes every task of the caller's that is done, in one statement; how many that were.
pub async fn delete_completed(db: &Db, caller: &Caller) -> Result<u64, Error> {
    let mut delete = owned_by(caller).delete_all();
    delete.and_where(Expr::col(Column::Completed).eq(true));
    Ok(db.write(async |db| db.execute(&delete).await).await?.rows_affected())
}
