use ::entity::task::Column;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::batch::Written;
use super::owned::{Moment, owned_by};
use super::task::{Change, Changes, Task};
use super::update;
use crate::{Caller, Db, Error};

/// Flips whether a task of the caller's is done, in one atomic statement: of two at once, neither is lost.
pub async fn toggle_completed(db: &Db, caller: &Caller, id: i64) -> Result<Task, Error> {
    update::write(db, caller, id, Written { flips: true, ..Written::default() }).await
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
    update
        .and_where(Expr::col(Column::Completed).eq(false))
        .value(Column::Completed, true)
        .value(Column::CompletedAt, moment.to_expr());
    Ok(db.write(async |db| db.execute(&update).await).await?.rows_affected())
}
