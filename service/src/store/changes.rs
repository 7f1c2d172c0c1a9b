use ::entity::task::{Column, Entity};
use ::entity::{task_change, task_owner};
use sea_orm::sea_query::{
    Alias, Asterisk, Condition, Expr, ExprTrait, JoinType, Order, Query, SelectStatement, UnionType,
};
use sea_orm::{DbErr, QueryResult, Statement, Values};

use super::columns::{READ, ReadPosition, read};
use super::cost::Cost;
use super::dialect::{Dialect, task};
use super::edit::DELETED;
use super::list::rounded;
use super::row::{AFTER_TASK, stored};
use super::{Store, owned};
use crate::db::Db;
use crate::model::FeedItem;
use crate::{Caller, Error};

/// The maximum number of changes that are looked at for a part of the feed.
const MAX_SEEN: u64 = 5000;

/// Rows of the log of an owner, from one statement.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    /// `None` for an owner without a row.
    pub(crate) owner: Option<OwnerState>,
    /// The last changes of tasks among the rows that were looked at, in their order.
    pub(crate) items: Vec<FeedItem>,
    /// The last row that was looked at. `None` if the log has no further rows.
    pub(crate) last_seen: Option<i64>,
}

/// The clock of an owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerState {
    pub(crate) clock: i64,
    /// The log has all changes after this number.
    pub(crate) begin: i64,
}

impl Store {
    /// The last changes of the caller's tasks after the number `since`: one more than `limit` if there are more, and possibly some
    /// more than that.
    pub(crate) async fn log(&self, caller: &Caller, since: i64, limit: u32) -> Result<LogPage, Error> {
        let log = log(caller, since, limit, Dialect::of(self.db.backend()));
        let select = |db: Db, limit| {
            let log = log.clone();
            async move { db.select(&log, limit, |page: &mut LogPage, row| page.push(&row)).await }
        };
        self.alone(caller, Cost::Heavy, select).await
    }
}

/// The positions of the columns behind those of the task: those of the owner, then those of a change.
const CLOCK: usize = AFTER_TASK;
const BEGIN: usize = AFTER_TASK + 1;
const LAST_SEEN: usize = AFTER_TASK + 2;
const AT: usize = AFTER_TASK + 3;
const TASK_ID: usize = AFTER_TASK + 4;

impl LogPage {
    fn push(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let row = stored(row)?;
        let Some(version) = row.optional_number(AT)? else {
            self.owner = Some(OwnerState { clock: row.number(CLOCK)?, begin: row.number(BEGIN)? });
            self.last_seen = row.optional_number(LAST_SEEN)?;
            return Ok(());
        };
        self.items.push(match row.optional_number(ReadPosition::Id as usize)? {
            Some(_) => FeedItem::Changed(row.task()?),
            None => FeedItem::Deleted { id: row.number(TASK_ID)?, version },
        });
        Ok(())
    }
}

/// The parameter that is the owner, and the one that is the number after which changes are wanted.
const OWNER: &str = "$1";
const SINCE: &str = "$2";
/// The rows of the log that are looked at.
const SEEN: &str = "seen";

/// A row with the owner's clock, and behind it one for each task whose last change is among the rows that are looked at.
///
/// A change is the last one of its task if the task has its number as its version, or if it is the last deletion of a task that does
/// not exist. A change that is not the last one is passed over, because the last one comes later: in this part or in another.
pub(super) fn log(caller: &Caller, since: i64, limit: u32, dialect: Dialect) -> Statement {
    use task_change::Column::{At, TaskId};
    let mut last_seen = rows();
    last_seen.column(At).limit(1).offset(MAX_SEEN - 1);
    let mut statement = Query::select();
    statement.exprs(READ.iter().map(|_| null()));
    statement
        .columns([task_owner::Column::Clock, task_owner::Column::Begin])
        .expr(Expr::SubQuery(None, Box::new(last_seen.into())))
        .exprs([null(), null()])
        .from(task_owner::Entity)
        .and_where(Expr::col(task_owner::Column::UserId).eq(Expr::cust(OWNER)));
    let mut changes = seen(dialect);
    changes
        .columns(read())
        .exprs([null(), null(), null()])
        .columns([At, TaskId].map(|column| (Alias::new(SEEN), column)))
        .order_by((Alias::new(SEEN), At), Order::Asc)
        .limit(u64::from(rounded(limit.saturating_add(1))));
    // A table of its own, because its LIMIT would be that of the whole union.
    let changes = Query::select().column(Asterisk).from_subquery(changes, Alias::new("changes")).to_owned();
    statement.union(UnionType::All, changes);
    let values = Values(vec![caller.user_id().as_str().into(), since.into()]);
    Statement { sql: dialect.text(&statement), values: Some(values), db_backend: dialect.backend() }
}

fn null() -> Expr {
    Expr::cust("NULL")
}

/// The rows of the log after the number, in their order, without columns.
fn rows() -> SelectStatement {
    use task_change::Column::{At, UserId};
    let mut rows = Query::select();
    rows.from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust(OWNER)))
        .and_where(Expr::col(At).gt(Expr::cust(SINCE)))
        .order_by(At, Order::Asc);
    rows
}

/// The rows that are looked at with their tasks, if they are the last changes of these, without columns.
fn seen(dialect: Dialect) -> SelectStatement {
    use task_change::Column::{At, Kind, TaskId, UserId};
    let later = Alias::new("later");
    let of_seen = |column| Expr::col((Alias::new(SEEN), column));
    let of_later = |column| Expr::col((later.clone(), column));
    let mut log = rows();
    log.columns([At, TaskId, Kind]).limit(MAX_SEEN);
    let mut seen = Query::select();
    seen.from_subquery(log, Alias::new(SEEN));
    let is_named = || task(Column::Id).eq(of_seen(TaskId));
    if dialect == Dialect::Postgres {
        // A subquery with a LIMIT is run for each row. A plain join can become one that reads all tasks of the owner.
        let found = Query::select()
            .columns(read())
            .from(Entity)
            .and_where(is_named())
            .and_where(owned::by_id(Expr::cust(OWNER)))
            .limit(1)
            .to_owned();
        seen.join_lateral(JoinType::LeftJoin, found, Entity, Expr::val(true));
    } else {
        let found = is_named().and(owned::by_id(Expr::cust(OWNER)));
        seen.join(JoinType::LeftJoin, Entity, found);
    }
    // Not NOT EXISTS: PostgreSQL may read all deletions of the owner for it.
    let later_deletion = Query::select()
        .expr(of_later(At))
        .from_as(task_change::Entity, later.clone())
        .and_where(of_later(UserId).eq(Expr::cust(OWNER)))
        .and_where(of_later(TaskId).eq(of_seen(TaskId)))
        .and_where(of_later(Kind).eq(DELETED))
        .and_where(of_later(At).gt(of_seen(At)))
        .limit(1)
        .to_owned();
    let is_gone = Condition::all()
        .add(of_seen(Kind).eq(DELETED))
        .add(task(Column::Id).is_null())
        .add(Expr::SubQuery(None, Box::new(later_deletion.into())).is_null());
    let is_as_it_is = task(Column::UpdatedAt).eq(dialect.time_of_seen());
    seen.cond_where(Condition::any().add(is_as_it_is).add(is_gone));
    seen
}
