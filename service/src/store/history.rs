use ::entity::task_change;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};
use sea_orm::{DbErr, QueryResult, Statement, Values};

use super::Store;
use super::columns::{IMAGE, READ, ReadPosition};
use super::cost::Cost;
use super::dialect::Dialect;
use super::edit::REMINDED;
use super::list::rounded;
use super::row::{AFTER_TASK, stored};
use super::sweep::before;
use crate::db::Db;
use crate::model::{ChangeKind, HistoryPosition, Task};
use crate::{Caller, Error};

/// The maximum number of changes that are looked at for a part of the history of a task.
const MAX_SEEN: u64 = 5000;
/// The parameters: the owner, the task, the number before which changes are wanted, the number of the oldest one that is kept,
/// and the number of the change that was returned last.
const OWNER: &str = "$1";
const TASK: &str = "$2";
const BEFORE: &str = "$3";
const OLDEST: &str = "$4";
const LAST: &str = "$5";

/// A change of a task in the log.
#[derive(Debug)]
pub(crate) struct LoggedChange {
    pub(crate) at: i64,
    pub(crate) kind: ChangeKind,
    pub(crate) actor: Option<String>,
    /// The task before the change, if the change keeps it.
    pub(crate) image: Option<Task>,
}

/// Changes of a task, from one statement.
#[derive(Debug, Default)]
pub(crate) struct HistoryRows {
    /// The changes, and the one that was returned last, in any order.
    pub(crate) changes: Vec<LoggedChange>,
    /// The last row that was looked at. `None` if the log has no further rows.
    pub(crate) last_seen: Option<i64>,
}

impl Store {
    /// The changes of the caller's task before the position: one more than `limit` if there are more, and possibly some more than
    /// that. Then the change that was returned last, if there is one.
    pub(crate) async fn task_history(
        &self,
        caller: &Caller,
        id: i64,
        position: HistoryPosition,
        limit: u32,
    ) -> Result<HistoryRows, Error> {
        let oldest = before(self.history());
        let history = task_history(caller, id, position, oldest, limit, Dialect::of_db(&self.db));
        let select = |db: Db, limit| {
            let history = history.clone();
            async move { db.select_in_order(&history, limit, |rows: &mut HistoryRows, row| rows.push(&row)).await }
        };
        self.alone(caller, Cost::Heavy, select).await
    }
}

/// The positions of the columns behind those of the task.
const AT: usize = AFTER_TASK;
const KIND: usize = AFTER_TASK + 1;
const ACTOR: usize = AFTER_TASK + 2;

impl HistoryRows {
    fn push(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let row = stored(row)?;
        let at = row.optional_number(AT)?;
        let Some(kind) = row.optional_number(KIND)?.and_then(ChangeKind::from_stored) else {
            self.last_seen = at;
            return Ok(());
        };
        let has_image = row.optional_text(ReadPosition::Title as usize)?.is_some();
        self.changes.push(LoggedChange {
            at: at.unwrap_or_default(),
            kind,
            actor: row.optional_text(ACTOR)?.map(str::to_owned),
            image: if has_image { Some(row.task()?) } else { None },
        });
        Ok(())
    }
}

/// A row with the last change that is looked at if there can be more, and behind it the changes of the task, without reminders.
pub(super) fn task_history(
    caller: &Caller,
    id: i64,
    position: HistoryPosition,
    oldest: i64,
    limit: u32,
    dialect: Dialect,
) -> Statement {
    use task_change::Column::{At, Kind, TaskId, UserId};
    // A reminder that has fired has changed nothing.
    let is_of_task =
        || Expr::col(TaskId).eq(Expr::cust(TASK)).and(Expr::col(Kind).ne(Expr::cust(REMINDED.to_string())));
    let mut last_seen = log();
    last_seen.column(At).limit(1).offset(MAX_SEEN - 1);
    let null = || Expr::cust("NULL");
    let mut statement = Query::select();
    statement
        .exprs(READ.iter().map(|_| null()))
        .expr(Expr::SubQuery(None, Box::new(last_seen.into())))
        .exprs([null(), null()]);
    let mut last = Query::select();
    last.columns(columns())
        .from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust(OWNER)))
        .and_where(Expr::col(At).eq(Expr::cust(LAST)))
        .and_where(is_of_task());
    let mut seen = log();
    seen.columns(columns()).limit(MAX_SEEN);
    let changes = Query::select()
        .columns(columns())
        .from_subquery(seen, Alias::new("seen"))
        .and_where(is_of_task())
        .order_by(At, Order::Desc)
        .limit(u64::from(rounded(limit.saturating_add(1))))
        .to_owned();
    // A table of its own, because its LIMIT would be that of the whole union.
    let changes = Query::select().columns(columns()).from_subquery(changes, Alias::new("changes")).to_owned();
    statement.union(UnionType::All, last).union(UnionType::All, changes);
    let HistoryPosition { before, last } = position;
    let numbers = [id, before, oldest, last].map(Into::into);
    let values = [caller.user_id().as_str().into()].into_iter().chain(numbers).collect();
    Statement { sql: dialect.text(&statement), values: Some(Values(values)), db_backend: dialect.backend() }
}

/// The columns of a change: those of the task, and the others.
fn columns() -> impl Iterator<Item = task_change::Column> {
    use task_change::Column::{Actor, At, Kind, TaskId};
    [TaskId].into_iter().chain(IMAGE.map(|(_, kept, _)| kept)).chain([At, Kind, Actor])
}

/// The changes of the owner before the number, the last one first, without columns.
fn log() -> SelectStatement {
    use task_change::Column::{At, UserId};
    let mut log = Query::select();
    log.from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust(OWNER)))
        .and_where(Expr::col(At).lt(Expr::cust(BEFORE)))
        .and_where(Expr::col(At).gte(Expr::cust(OLDEST)))
        .order_by(At, Order::Desc);
    log
}
