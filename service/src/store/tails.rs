//! The ends of the logs of many owners.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use sea_orm::sea_query::{Alias, Asterisk, Expr, JoinType, Query};
use sea_orm::{DbErr, QueryResult, Statement, Values};

use super::Store;
use super::changes::{AFTER_CHANGE, Asked, LogPage, select};
use super::cost::Cost;
use super::dialect::{Dialect, InputType, request};
use super::row::stored;
use crate::{Caller, Error};

/// The maximum number of changes of an owner that are read.
pub(crate) const TAIL: u32 = 50;
/// The number of logs that are read at the same time if each is read by a statement of its own.
const LOGS_AT_ONCE: usize = 4;
/// The time limit of the statement.
const LIMIT: Duration = Duration::from_secs(9);
/// The columns of the owners whose changes are read.
const COLUMNS: [(&str, InputType); 3] =
    [("user_id", InputType::Text), ("since", InputType::BigInt), ("place", InputType::BigInt)];
/// A statement for many owners finds its values in the derived table. It looks at few changes of each, because one owner must
/// not delay the others. The next statement goes on.
const ASKED: Asked = Asked { owner: "request.user_id", since: "request.since", seen: 200 };

impl Store {
    /// The last changes of tasks after a number, for each of these callers in their order. One statement reads them on
    /// PostgreSQL. SQLite, which has no such statement and no round trips, is asked once for each, and so is PostgreSQL whose
    /// tables are split by owner: each question goes to one part of them.
    pub(crate) async fn tails(&self, asked: &[(Caller, i64)]) -> Result<Vec<LogPage>, Error> {
        let at_once = match Dialect::of_db(&self.db) {
            Dialect::Postgres => 0,
            Dialect::PostgresByOwner => LOGS_AT_ONCE,
            Dialect::Sqlite => 1,
        };
        if at_once > 0 {
            let logs = asked.iter().map(|(caller, since)| self.log(caller, *since, TAIL, Cost::Light));
            // Collected, because the compiler does not see that the borrowing iterator can be sent to other threads.
            let logs: Vec<_> = logs.collect();
            return stream::iter(logs).buffered(at_once).try_collect().await;
        }
        let mut pages: Vec<LogPage> =
            self.db.select_in_order(&statement(asked), LIMIT, |pages, row| add(pages, &row)).await?;
        // There are none behind the last caller with a row.
        pages.resize_with(asked.len(), LogPage::default);
        Ok(pages)
    }
}

fn add(pages: &mut Vec<LogPage>, row: &QueryResult) -> Result<(), DbErr> {
    let place = usize::try_from(stored(row)?.number(AFTER_CHANGE)?).unwrap_or_default();
    if pages.len() <= place {
        pages.resize_with(place + 1, LogPage::default);
    }
    pages[place].push(row)
}

/// `SELECT page.*, request.place FROM (…) AS request JOIN LATERAL (…) AS page ON TRUE`. Its text does not depend on the
/// number of callers.
pub(super) static TEXT: LazyLock<String> = LazyLock::new(|| {
    let dialect = Dialect::Postgres;
    let page = select(ASKED, TAIL, dialect);
    let mut all = Query::select();
    all.column((Alias::new("page"), Asterisk))
        .expr(request("place"))
        .from(Dialect::request_table(dialect.requests(COLUMNS.into_iter())))
        .join_lateral(JoinType::InnerJoin, page, Alias::new("page"), Expr::val(true));
    dialect.text(&all)
});

fn statement(asked: &[(Caller, i64)]) -> Statement {
    let values = vec![
        asked.iter().map(|(caller, _)| caller.user_id().as_str().to_owned()).collect::<Vec<_>>().into(),
        asked.iter().map(|(_, since)| *since).collect::<Vec<_>>().into(),
        (0..i64::try_from(asked.len()).unwrap_or(i64::MAX)).collect::<Vec<_>>().into(),
    ];
    Statement { sql: TEXT.clone(), values: Some(Values(values)), db_backend: Dialect::Postgres.backend() }
}
