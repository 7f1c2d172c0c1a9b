use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use ::entity::task_owner::{Column, Entity};
use sea_orm::sea_query::extension::postgres::PgFunc;
use sea_orm::sea_query::{Expr, ExprTrait, Func, JoinType, Query};
use sea_orm::{DbErr, QueryResult, Statement, Value, Values};

use super::Store;
use super::dialect::{Dialect, InputType, request};
use super::row::stored;
use crate::{Error, UserId};

/// The time limit of a comparison of clocks.
const LIMIT: Duration = Duration::from_secs(9);
/// The columns of the owners to compare.
const COLUMNS: [(&str, InputType); 3] =
    [("user_id", InputType::Text), ("clock", InputType::BigInt), ("place", InputType::BigInt)];

impl Store {
    /// Compares the clocks of owners with the numbers that are known of them. Returns the places of those with another number. An
    /// owner without a row has the number 0.
    pub(crate) async fn moved(&self, known: &[(UserId, i64)]) -> Result<Vec<usize>, Error> {
        let dialect = Dialect::of_db(&self.db);
        if dialect == Dialect::PostgresByOwner {
            let clocks: HashMap<String, i64> =
                self.db.select(&clocks(known), LIMIT, |clocks, row| add_clock(clocks, &row)).await?;
            let has_moved = |(user, clock): &(UserId, i64)| clocks.get(user.as_str()).copied().unwrap_or(0) != *clock;
            return Ok((0..).zip(known).filter(|(_, known)| has_moved(known)).map(|(place, _)| place).collect());
        }
        let add = |places: &mut Vec<usize>, row| {
            places.extend(usize::try_from(stored(&row)?.number(0)?));
            Ok(())
        };
        self.db.select(&statement(known, dialect), LIMIT, add).await
    }
}

/// The clocks of these owners. A join with a table of them, as below, would move all rows of `task_owner` if they are split by
/// owner.
fn clocks(known: &[(UserId, i64)]) -> Statement {
    let users: Vec<String> = known.iter().map(|(user, _)| user.as_str().to_owned()).collect();
    let clocks = Query::select()
        .columns([Column::UserId, Column::Clock])
        .from(Entity)
        .and_where(Expr::col(Column::UserId).eq(PgFunc::any(users)))
        .to_owned();
    Dialect::PostgresByOwner.backend().build(&clocks)
}

fn add_clock(clocks: &mut HashMap<String, i64>, row: &QueryResult) -> Result<(), DbErr> {
    let row = stored(row)?;
    clocks.insert(row.text(0)?.to_owned(), row.number(1)?);
    Ok(())
}

/// The text of the statement, which does not depend on the number of owners.
pub(super) fn text(dialect: Dialect) -> &'static str {
    static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| [Dialect::Postgres, Dialect::Sqlite].map(build));
    &TEXTS[usize::from(dialect == Dialect::Sqlite)]
}

/// `SELECT request.place FROM (…) AS request LEFT JOIN task_owner ON … WHERE COALESCE(task_owner.clock, 0) <> request.clock`.
fn build(dialect: Dialect) -> String {
    let clock = Expr::from(Func::coalesce([Expr::col((Entity, Column::Clock)), Expr::val(0)]));
    let mut select = Query::select();
    select
        .expr(request("place"))
        .from(Dialect::request_table(dialect.requests(COLUMNS.into_iter())))
        .join(JoinType::LeftJoin, Entity, Expr::col((Entity, Column::UserId)).eq(request("user_id")))
        .and_where(clock.ne(request("clock")));
    dialect.text(&select)
}

fn statement(known: &[(UserId, i64)], dialect: Dialect) -> Statement {
    let places = 0..i64::try_from(known.len()).unwrap_or(i64::MAX);
    let values: Vec<Value> = match dialect {
        Dialect::Postgres | Dialect::PostgresByOwner => vec![
            known.iter().map(|(user, _)| user.as_str().to_owned()).collect::<Vec<_>>().into(),
            known.iter().map(|(_, clock)| *clock).collect::<Vec<_>>().into(),
            places.collect::<Vec<_>>().into(),
        ],
        Dialect::Sqlite => {
            let rows: Vec<_> =
                known.iter().zip(places).map(|((user, clock), place)| (user.as_str(), clock, place)).collect();
            // Texts and numbers always serialize.
            vec![serde_json::to_string(&rows).unwrap_or_default().into()]
        }
    };
    Statement { sql: text(dialect).to_owned(), values: Some(Values(values)), db_backend: dialect.backend() }
}
