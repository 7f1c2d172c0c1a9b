//! The reminders that are due, of all owners.

use std::time::Duration;

use ::entity::task_reminder::{Column, Entity};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement};
use sea_orm::{DbErr, QueryResult, Statement, Value, Values};

use super::Store;
use super::dialect::Dialect;
use super::row::stored;
use crate::model::now;
use crate::{Caller, Error, UserId};

/// The maximum number of reminders that are read at once.
const MAX_READ: u64 = 500;
/// The time limit of the statement.
const LIMIT: Duration = Duration::from_secs(9);

/// A reminder that has not fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DueReminder {
    pub(crate) owner: Caller,
    pub(crate) task_id: i64,
    /// The number of the reminder among those of the task.
    pub(crate) number: i16,
    /// When it fires, in microseconds since 1970.
    at: i64,
}

/// A position in the order in which reminders are read: their times, then their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct DueBehind {
    at: Option<i64>,
    user_id: String,
    task_id: i64,
    number: i16,
}

impl From<&DueReminder> for DueBehind {
    fn from(reminder: &DueReminder) -> Self {
        let DueReminder { owner, task_id, number, at } = reminder;
        let user_id = owner.user_id().as_str().to_owned();
        Self { at: Some(*at), user_id, task_id: *task_id, number: *number }
    }
}

/// Reminders, from one statement.
#[derive(Debug, Default)]
pub(crate) struct DueReminders {
    /// Those whose time has come, in the order of their times.
    pub(crate) due: Vec<DueReminder>,
    /// The time until the next one, if it is within the time that was asked for.
    pub(crate) next_in: Option<Duration>,
    /// The number of rows that were read.
    read: u64,
}

impl DueReminders {
    /// Whether further ones can be due.
    pub(crate) fn has_more(&self) -> bool {
        self.read == MAX_READ && self.next_in.is_none()
    }

    fn push(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let row = stored(row)?;
        self.read += 1;
        let (at, now) = (row.number(3)?, row.number(4)?);
        if at > now {
            let wait = Duration::from_micros(at.abs_diff(now));
            self.next_in = Some(self.next_in.map_or(wait, |known| known.min(wait)));
            return Ok(());
        }
        let user = UserId::parse(row.text(0)?).map_err(|error| DbErr::Type(error.to_string()))?;
        let number = i16::try_from(row.number(2)?).map_err(|error| DbErr::Type(error.to_string()))?;
        self.due.push(DueReminder { owner: Caller::of_stored(user), task_id: row.number(1)?, number, at });
        Ok(())
    }
}

impl Store {
    /// Reads the next reminders behind a position that are due, or will be within this time, without those of some owners. It
    /// locks nothing. On PostgreSQL the time is that of the database, which all servers share.
    pub(crate) async fn due_reminders(
        &self,
        behind: &DueBehind,
        within: Duration,
        except: &[UserId],
    ) -> Result<DueReminders, Error> {
        let dialect = Dialect::of_db(&self.db);
        let statement = statement(behind, within, except, now().timestamp_micros(), dialect);
        self.db.select_in_order(&statement, LIMIT, |page: &mut DueReminders, row| page.push(&row)).await
    }
}

pub(super) fn statement(
    behind: &DueBehind,
    within: Duration,
    except: &[UserId],
    now: i64,
    dialect: Dialect,
) -> Statement {
    let except: Vec<String> = except.iter().map(|user| user.as_str().to_owned()).collect();
    let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
    let mut values: Vec<Value> = vec![
        behind.at.unwrap_or(i64::MIN).into(),
        behind.user_id.as_str().into(),
        behind.task_id.into(),
        behind.number.into(),
        within.into(),
    ];
    match dialect {
        Dialect::Postgres | Dialect::PostgresByOwner => values.push(except.into()),
        // Texts always serialize.
        Dialect::Sqlite => values.extend([serde_json::to_string(&except).unwrap_or_default().into(), now.into()]),
    }
    Statement { sql: dialect.text(&select(dialect)), values: Some(Values(values)), db_backend: dialect.backend() }
}

/// The parameters are those of [`statement`]. The text does not depend on them.
fn select(dialect: Dialect) -> SelectStatement {
    let now = || dialect.shared_now(Expr::cust("$7"));
    let key = [Column::At, Column::UserId, Column::TaskId, Column::N].map(Expr::col);
    let position = ["$1", "$2", "$3", "$4"].map(Expr::cust);
    let mut select = Query::select();
    select
        .columns([Column::UserId, Column::TaskId, Column::N, Column::At])
        .expr(now())
        .from(Entity)
        .and_where(Expr::col(Column::FiredAt).is_null())
        .and_where(Expr::tuple(key).gt(Expr::tuple(position)))
        .and_where(Expr::col(Column::At).lte(now().add(Expr::cust("$5"))))
        .order_by(Column::At, Order::Asc)
        .order_by(Column::UserId, Order::Asc)
        .order_by(Column::TaskId, Order::Asc)
        .order_by(Column::N, Order::Asc)
        .limit(MAX_READ);
    match dialect {
        Dialect::Postgres | Dialect::PostgresByOwner => select.and_where(Expr::cust("user_id <> ALL($6)")),
        Dialect::Sqlite => {
            let names = Query::select()
                .expr(Expr::cust("value"))
                .from_function(Func::cust("json_each").arg(Expr::cust("$6")), Alias::new("json"))
                .to_owned();
            select.and_where(Expr::col(Column::UserId).not_in_subquery(names))
        }
    };
    select
}
