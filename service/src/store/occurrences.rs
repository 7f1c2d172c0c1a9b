//! The completed occurrences of a series.

use ::entity::task::Column;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{Statement, Values};

use super::Store;
use super::columns::read;
use super::cost::Cost;
use super::dialect::{Dialect, task};
use super::list::rounded;
use super::row::Rows;
use crate::db::Db;
use crate::recurrence::Slot;
use crate::{Caller, Error};

/// The parameters: the owner, the series, and the occurrence before which others are wanted.
const OWNER: &str = "$1";
const SERIES: &str = "$2";
const BEFORE: &str = "$3";
/// It is after every occurrence.
const LATEST: &str = "~";

impl Store {
    /// The completed tasks of the caller's series before an occurrence, the last one first: one more than `limit` if there are
    /// more, and possibly some more than that.
    pub(crate) async fn occurrences(
        &self,
        caller: &Caller,
        series_id: i64,
        before: Option<&Slot>,
        limit: u32,
    ) -> Result<Rows, Error> {
        let before = before.map_or(LATEST, Slot::as_str);
        let occurrences = occurrences(caller, series_id, before, limit, Dialect::of(self.db.backend()));
        let select = |db: Db, limit| {
            let occurrences = occurrences.clone();
            async move {
                db.select_in_order(&occurrences, limit, |rows: &mut Rows, row| rows.push(&row, false, usize::MAX)).await
            }
        };
        self.alone(caller, Cost::Heavy, select).await
    }
}

pub(super) fn occurrences(caller: &Caller, series_id: i64, before: &str, limit: u32, dialect: Dialect) -> Statement {
    let select = Query::select()
        .columns(read())
        .from(::entity::task::Entity)
        .and_where(task(Column::UserId).eq(Expr::cust(OWNER)))
        .and_where(task(Column::SeriesId).eq(Expr::cust(SERIES)))
        .and_where(task(Column::Occurrence).lt(Expr::cust(BEFORE)))
        .and_where(task(Column::Completed))
        .order_by((::entity::task::Entity, Column::Occurrence), Order::Desc)
        .limit(u64::from(rounded(limit.saturating_add(1))))
        .to_owned();
    let values = Values(vec![caller.user_id().as_str().into(), series_id.into(), before.into()]);
    Statement { sql: dialect.text(&select), values: Some(values), db_backend: dialect.backend() }
}
