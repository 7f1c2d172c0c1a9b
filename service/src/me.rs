//! What a caller may do with all that is stored of them.

use ::entity::task::Column;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{QueryFilter, QueryOrder, QuerySelect};

use crate::tasks::Task;
use crate::tasks::owned_by;
use crate::{Caller, Db, Error};

/// Tasks of one page of an export.
const PAGE: u64 = 500;

/// Erases all that is stored of the caller, in one statement; how many tasks that were.
pub async fn erase(db: &Db, caller: &Caller) -> Result<u64, Error> {
    let erased = db.write(async |db| owned_by(caller).delete_all().exec(db).await).await?;
    Ok(erased.rows_affected)
}

/// Where an export has got to: after this task, in the order of the list.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    created_at: DateTime<Utc>,
    id: i64,
}

/// The next page of all that is stored of the caller, newest first, and where the one after it begins; `None` at the end.
/// Between pages nothing is held: no connection, no transaction. A task that is created meanwhile is not in it, one that is
/// deleted meanwhile may be.
pub async fn export(db: &Db, caller: &Caller, after: Option<Position>) -> Result<(Vec<Task>, Option<Position>), Error> {
    let mut page = owned_by(caller).select().order_by_desc(Column::CreatedAt).order_by_desc(Column::Id).limit(PAGE);
    if let Some(Position { created_at, id }) = after {
        let columns = Expr::tuple([Expr::col(Column::CreatedAt), Expr::col(Column::Id)]);
        page = page.filter(columns.lt(Expr::tuple([Expr::val(created_at.fixed_offset()), Expr::val(id)])));
    }
    let rows = db.read(async |db| page.clone().all(db).await).await?;
    let tasks: Vec<Task> = rows.into_iter().map(Task::from).collect();
    let is_last = (tasks.len() as u64) < PAGE;
    let next = tasks.last().filter(|_| !is_last).map(|task| Position { created_at: task.created_at, id: task.id });
    Ok((tasks, next))
}
