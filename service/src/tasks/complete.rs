use ::entity::task::Column;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, UpdateStatement};

use super::owned::{Moment, owned_by};
use super::row;
use super::task::{Change, Changes, Task};
use crate::{Caller, Db, Error};

/// Flips whether a task of the caller's is done, in one atomic statement: of two at once, neither is lost.
pub async fn toggle_completed(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    let owned = owned_by(caller);
    let moment = Moment::now(db.backend());
    let mut toggle = owned.update(id, &moment);
    set(&mut toggle, Expr::col(Column::Completed).not(), &moment);
    match db.write(async |db| row::fetch(db, &toggle).await).await?.pop() {
        Some(task) => Ok(task),
        None => owned.explain_missing(db, id).await,
    }
}

/// Says whether a task of the caller's is done. Unlike a toggle it may be repeated.
pub async fn set_completed(db: &Db, caller: &Caller, id: i64, completed: bool) -> Result<Task, Error> {
    let changes = Changes { completed: Change::To(completed), ..Changes::default() };
    super::update(db, caller, id, changes).await
}

/// Completes every task of the caller's that is not done yet, in one statement; how many that were.
pub async fn complete_all(db: &Db, caller: &Caller) -> Result<u64, Error> {
    let moment = Moment::now(db.backend());
    let mut update = owned_by(caller).update_all(&moment);
    update.and_where(Expr::col(Column::Completed).eq(false));
    set(&mut update, Expr::val(true), &moment);
    Ok(db.write(async |db| db.execute(&update).await).await?.rows_affected())
}

/// Sets `completed` to this, and when it was: since when it is so, where it was so already.
pub(super) fn set(update: &mut UpdateStatement, completed: Expr, moment: &Moment) {
    let since = Expr::col(Column::CompletedAt).if_null(moment.to_expr());
    let since = CaseStatement::new().case(completed.clone(), since).finally(Expr::cust("NULL"));
    update.value(Column::Completed, completed).value(Column::CompletedAt, since);
}
