use ::entity::task::Column;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::owned::owned_by;
use super::task::{Change, Changes, Task};
use crate::{Caller, Db, Error};

/// Flips whether a task of the caller's is done, in one atomic statement: of two at once, neither is lost.
pub async fn toggle_completed(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    let owned = owned_by(caller);
    let toggle = owned.update(id, db.backend()).col_expr(Column::Completed, Expr::col(Column::Completed).not());
    match db.write(async |db| toggle.clone().exec_with_returning(db).await).await?.pop() {
        Some(row) => Ok(row.into()),
        None => owned.explain_missing(db, id).await,
    }
}

/// Says whether a task of the caller's is done. Unlike a toggle it may be repeated.
pub async fn set_completed(db: &Db, caller: &Caller, id: i64, completed: bool) -> Result<Task, Error> {
    let changes = Changes { completed: Change::To(completed), ..Changes::default() };
    super::update(db, caller, id, changes).await
}
