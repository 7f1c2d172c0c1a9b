//! The trash: the tasks in the log that were deleted and not restored since.

use ::entity::task::Column;
use ::entity::{task, task_change};
use chrono::DateTime;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement, UnionType};
use sea_orm::{DbErr, QueryResult, Statement, Values};

use super::columns::{IMAGE, READ, ReadPosition};
use super::cost::Cost;
use super::dialect::{self, Dialect};
use super::edit::DELETED;
use super::list::rounded;
use super::row::{AFTER_TASK, stored};
use super::sweep::before;
use super::{Store, owned};
use crate::db::Db;
use crate::model::DeletedTask;
use crate::{Caller, Error};

/// The maximum number of deletions that are looked at for a part of the trash.
const MAX_SEEN: u64 = 5000;
/// The deletions that are looked at.
const SEEN: &str = "seen";
/// The parameters: the owner, the number before which deletions are wanted, and the number of the oldest one that is kept.
const OWNER: &str = "$1";
const BEFORE: &str = "$2";
const OLDEST: &str = "$3";

/// Rows of the trash of an owner, from one statement.
#[derive(Debug, Default)]
pub(crate) struct TrashRows {
    /// The tasks, the one that was deleted last first.
    pub(crate) tasks: Vec<DeletedTask>,
    /// The last deletion that was looked at. `None` if there are no further ones.
    pub(crate) last_seen: Option<i64>,
}

impl Store {
    /// The tasks of the caller's trash that were deleted before the number: one more than `limit` if there are more, and possibly
    /// some more than that.
    pub(crate) async fn trash(
        &self,
        caller: &Caller,
        (before_number, limit): (i64, u32),
        cost: Cost,
    ) -> Result<TrashRows, Error> {
        let oldest = before(self.history());
        let trash = trash(caller, before_number, oldest, limit, Dialect::of_db(&self.db));
        let select = |db: Db, limit| {
            let trash = trash.clone();
            async move { db.select_in_order(&trash, limit, |rows: &mut TrashRows, row| rows.push(&row)).await }
        };
        self.alone(caller, cost, select).await
    }
}

impl TrashRows {
    fn push(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let row = stored(row)?;
        let at = row.optional_number(AFTER_TASK)?;
        if row.optional_number(ReadPosition::Id as usize)?.is_none() {
            self.last_seen = at;
        } else if let Some(deleted_at) = at.and_then(DateTime::from_timestamp_micros) {
            self.tasks.push(DeletedTask { task: row.task()?, deleted_at });
        }
        Ok(())
    }
}

/// A row with the last deletion that is looked at if there can be more, and behind it one for each task that is in the trash.
pub(super) fn trash(caller: &Caller, before: i64, oldest: i64, limit: u32, dialect: Dialect) -> Statement {
    use task_change::Column::{At, TaskId};
    let of_seen = |column| Expr::col((Alias::new(SEEN), column));
    let mut last_seen = deletions();
    last_seen.column(At).limit(1).offset(MAX_SEEN - 1);
    let mut statement = Query::select();
    statement.exprs(READ.iter().map(|_| Expr::cust("NULL"))).expr(Expr::SubQuery(None, Box::new(last_seen.into())));
    let mut log = deletions();
    log.columns([At, TaskId]).columns(IMAGE.map(|(_, kept, _)| kept)).limit(MAX_SEEN);
    let tasks = Query::select()
        .expr(of_seen(TaskId))
        .exprs(IMAGE.map(|(_, kept, _)| of_seen(kept)))
        .expr(of_seen(At))
        .from_subquery(log, Alias::new(SEEN))
        .and_where(is_in_trash(SEEN, OWNER, dialect))
        .order_by((Alias::new(SEEN), At), Order::Desc)
        .limit(u64::from(rounded(limit.saturating_add(1))))
        .to_owned();
    // A table of its own, because its LIMIT would be that of the whole union.
    let tasks = Query::select()
        .column(TaskId)
        .columns(IMAGE.map(|(_, kept, _)| kept))
        .column(At)
        .from_subquery(tasks, Alias::new("page"))
        .to_owned();
    statement.union(UnionType::All, tasks);
    let values = Values(vec![caller.user_id().as_str().into(), before.into(), oldest.into()]);
    Statement { sql: dialect.text(&statement), values: Some(values), db_backend: dialect.backend() }
}

/// The deletions of the owner before the number, the last one first, without columns.
fn deletions() -> SelectStatement {
    use task_change::Column::{At, Kind, UserId};
    let mut deletions = Query::select();
    deletions
        .from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust(OWNER)))
        .and_where(Expr::col(Kind).eq(constant(DELETED)))
        .and_where(Expr::col(At).lt(Expr::cust(BEFORE)))
        .and_where(Expr::col(At).gte(Expr::cust(OLDEST)))
        .order_by(At, Order::Desc);
    deletions
}

/// A number in the text of the statement, so that an index of deletions serves a generic plan too.
fn constant(number: i16) -> Expr {
    Expr::cust(number.to_string())
}

/// The condition that a deletion, a row of this table, has a task that is in the trash: the image was not wiped, the task was not
/// restored since, and the deletion is the last one.
pub(super) fn is_in_trash(deletion: &'static str, owner: &'static str, dialect: Dialect) -> Expr {
    let title = Expr::col((Alias::new(deletion), task_change::Column::Title));
    title.is_not_null().and(is_gone(deletion, owner, dialect)).and(is_last_deletion(deletion, owner))
}

/// The condition that the task of a change, a row of this table, does not exist.
pub(super) fn is_gone(change: &'static str, owner: &'static str, dialect: Dialect) -> Expr {
    // Not NOT EXISTS: PostgreSQL may read all tasks of the owner for it.
    let found = Query::select()
        .expr(dialect::task(Column::Id))
        .from(task::Entity)
        .and_where(dialect::task(Column::Id).eq(Expr::col((Alias::new(change), task_change::Column::TaskId))))
        .and_where(owned::by_id(Expr::cust(owner), dialect))
        .limit(1)
        .to_owned();
    Expr::SubQuery(None, Box::new(found.into())).is_null()
}

/// The condition that a deletion, a row of this table, is the last one of its task.
///
/// The next deletion in the order of the index, which has the ids of tasks before the numbers, is one of another task. That reads
/// one row, however often a task was deleted and restored.
pub(super) fn is_last_deletion(deletion: &'static str, owner: &'static str) -> Expr {
    use task_change::Column::{At, Kind, TaskId, UserId};
    let next = Alias::new("next_deletion");
    let of_next = |column| Expr::col((next.clone(), column));
    let of_deletion = |column| Expr::col((Alias::new(deletion), column));
    // SQLite enters the index at a number only if it is not a column.
    let position = Expr::tuple([of_deletion(TaskId), of_deletion(At).add(0)]);
    let task_of_next = Query::select()
        .expr(of_next(TaskId))
        .from_as(task_change::Entity, next.clone())
        .and_where(of_next(UserId).eq(Expr::cust(owner)))
        .and_where(of_next(Kind).eq(constant(DELETED)))
        .and_where(Expr::tuple([of_next(TaskId), of_next(At)]).gt(position))
        .order_by((next.clone(), TaskId), Order::Asc)
        .order_by((next.clone(), At), Order::Asc)
        .limit(1)
        .to_owned();
    // No task has the id 0.
    let task_of_next = Func::coalesce([Expr::SubQuery(None, Box::new(task_of_next.into())), Expr::cust("0")]);
    Expr::from(task_of_next).ne(of_deletion(TaskId))
}
