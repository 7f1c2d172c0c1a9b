//! Everything in which the two databases differ. Expressions that SeaQuery does not have are texts here. The only other SQL by
//! hand is in `read/newest.rs` and `growth.rs`, and the LIMIT and OFFSET of SQLite in `list.rs`.

use ::entity::task::{Column, Entity};
use migration::Layout;
use sea_orm::DbBackend;
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, FunctionCall, IntoTableRef, JoinType, PostgresQueryBuilder, Query,
    QueryStatementWriter, SelectStatement, SqliteQueryBuilder, TableRef,
};

use crate::db::{Db, Transaction};

/// The name of the derived table that holds the requests of a batch.
pub(super) const REQUEST: &str = "request";
/// The input that holds the time of a write on SQLite.
pub(super) const NAME_OF_TIME_OF_WRITE: &str = "time_of_write";

/// The name of the input that holds the owner of a request.
pub(super) const NAME_OF_OWNER: &str = "user_id";

/// The SQL of one of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    /// PostgreSQL whose tables are split by owner. All requests of a batch have one owner, who is the first parameter of the
    /// statement: a condition `user_id = $1` leads it to one part of the tables. What it inserts are values, because Citus would
    /// move the rows of INSERT … SELECT through the coordinator.
    PostgresByOwner,
    Sqlite,
}

/// The type of an input of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputType {
    Text,
    BigInt,
    SmallInt,
    Bool,
    Time,
}

impl InputType {
    /// The name of the type on PostgreSQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::BigInt => "bigint",
            Self::SmallInt => "smallint",
            Self::Bool => "boolean",
            Self::Time => "timestamptz",
        }
    }
}

impl Dialect {
    pub(super) fn of(backend: DbBackend, layout: Layout) -> Self {
        match (backend, layout) {
            (DbBackend::Sqlite, _) => Self::Sqlite,
            (_, Layout::Whole) => Self::Postgres,
            (_, Layout::ByOwner) => Self::PostgresByOwner,
        }
    }

    pub(super) fn of_db(db: &Db) -> Self {
        Self::of(db.backend(), db.layout())
    }

    pub(super) fn of_transaction(transaction: &Transaction) -> Self {
        Self::of(transaction.backend(), transaction.layout())
    }

    pub(super) fn backend(self) -> DbBackend {
        match self {
            Self::Postgres | Self::PostgresByOwner => DbBackend::Postgres,
            Self::Sqlite => DbBackend::Sqlite,
        }
    }

    /// The text of a statement without bound values.
    pub(super) fn text(self, statement: &impl QueryStatementWriter) -> String {
        match self {
            Self::Postgres | Self::PostgresByOwner => statement.to_string(PostgresQueryBuilder),
            Self::Sqlite => statement.to_string(SqliteQueryBuilder),
        }
    }

    /// The requests of a batch as a derived table with one column for each input. Its text does not depend on their number.
    ///
    /// PostgreSQL gets one array for each input: `unnest` in the list of a SELECT returns them in lockstep (since PostgreSQL
    /// 10). Each array stands in a SELECT of its own, which hides its length from the planner. Otherwise the planner prefers a
    /// plan for exactly one small batch, and plans each time. SQLite gets one JSON array of arrays.
    pub(super) fn requests(self, inputs: impl Iterator<Item = (&'static str, InputType)>) -> SelectStatement {
        let mut requests = Query::select();
        // The owner, if it is one for all requests, comes first.
        let mut arrays = if self == Self::PostgresByOwner { 2.. } else { 1.. };
        let mut array = |of: InputType| {
            let array = format!("${}::{}[]", arrays.next().unwrap_or_default(), of.name());
            // Citus makes no generic plan with the SELECT.
            if self == Self::PostgresByOwner { format!("unnest({array})") } else { format!("unnest((SELECT {array}))") }
        };
        for (place, (name, of)) in inputs.enumerate() {
            let value = match self {
                Self::PostgresByOwner if name == NAME_OF_OWNER => "$1::text".to_owned(),
                Self::Postgres | Self::PostgresByOwner => array(of),
                Self::Sqlite => format!("value ->> {place}"),
            };
            requests.expr_as(Expr::cust(value), Alias::new(name));
        }
        if self == Self::Sqlite {
            requests.from_function(Func::cust("json_each").arg(Expr::cust("$1")), Alias::new("json"));
        }
        requests
    }

    /// The owner of the request with which a row is joined.
    pub(super) fn owner(self) -> Expr {
        if self == Self::PostgresByOwner { Expr::cust("$1") } else { request(NAME_OF_OWNER) }
    }

    /// The derived table of [`Self::requests`] for a FROM clause.
    pub(super) fn request_table(requests: SelectStatement) -> TableRef {
        TableRef::SubQuery(requests.into(), Alias::new(REQUEST).into())
    }

    /// A function for a FROM clause that limits the wait for a row lock in this transaction, if the database has row locks.
    pub(super) fn lock_timeout(self, timeout: Expr) -> Option<FunctionCall> {
        let set = || Func::cust("set_config").arg("lock_timeout").arg(timeout).arg(true);
        (self != Self::Sqlite).then(set)
    }

    /// Joins the requests with the rows of a table for which `condition` holds. SQLite would otherwise read the table first.
    pub(super) fn join(self, select: &mut SelectStatement, table: impl IntoTableRef, condition: Expr) {
        match self {
            Self::Postgres | Self::PostgresByOwner => select.join(JoinType::InnerJoin, table, condition),
            Self::Sqlite => select.cross_join(table).and_where(condition),
        };
    }

    /// The time of a write, which is its number in microseconds.
    ///
    /// A number of microseconds times an interval is rounded from the year 2255 on, so the seconds are multiplied apart.
    pub(super) fn time_of_write(self) -> Expr {
        match self {
            Self::Postgres => Expr::cust(
                "(timestamp 'epoch' + request.at / 1000000 * interval '1 second' \
                 + request.at % 1000000 * interval '1 microsecond') AT TIME ZONE 'UTC'",
            ),
            // The statement gets it ready. SQLite computes times in milliseconds.
            Self::PostgresByOwner | Self::Sqlite => request(NAME_OF_TIME_OF_WRITE),
        }
    }

    /// The time whose number in microseconds is the column `at` of the table `seen`, in the form in which it is stored.
    pub(super) fn time_of_seen(self) -> Expr {
        Expr::cust(match self {
            Self::Postgres | Self::PostgresByOwner => {
                "(timestamp 'epoch' + seen.at * interval '1 microsecond') AT TIME ZONE 'UTC'"
            }
            // Times are texts there. The driver writes as many groups of three digits after the second as the time needs.
            Self::Sqlite => {
                "strftime('%Y-%m-%dT%H:%M:%S', seen.at / 1000000, 'unixepoch') || CASE \
                 WHEN seen.at % 1000000 = 0 THEN '' \
                 WHEN seen.at % 1000 = 0 THEN printf('.%03d', seen.at / 1000 % 1000) \
                 ELSE printf('.%06d', seen.at % 1000000) END || '+00:00'"
            }
        })
    }

    /// The current time in microseconds since 1970, by the clock that all servers share: the database's. On SQLite it is `bound`,
    /// a value from this process.
    pub(super) fn shared_now(self, bound: Expr) -> Expr {
        if self == Self::Sqlite { bound } else { Expr::cust("(extract(epoch FROM now()) * 1000000)::bigint") }
    }

    /// Whether a column contains a text. `LIKE` has special characters, and PostgreSQL expects few rows from it, which it then
    /// sorts instead of reading an index in order.
    pub(super) fn contains(self, column: Column, text: &str) -> Expr {
        let position = match self {
            Self::Sqlite => Func::cust("instr"),
            Self::Postgres | Self::PostgresByOwner => Func::cust("strpos"),
        };
        position.arg(Expr::col(column)).arg(Expr::val(text)).gt(0)
    }

    /// Whether a column contains each of these texts. They are one value, so that the text of the statement does not depend on
    /// their number.
    pub(super) fn contains_all(self, column: Column, texts: Vec<String>) -> Expr {
        let column = Expr::col(column);
        match self {
            Self::Postgres | Self::PostgresByOwner => Expr::cust_with_exprs(
                "NOT EXISTS (SELECT 1 FROM unnest($1) AS wanted(text) WHERE strpos($2, wanted.text) = 0)",
                [Expr::val(texts), column],
            ),
            Self::Sqlite => Expr::cust_with_exprs(
                "NOT EXISTS (SELECT 1 FROM json_each(?) AS wanted WHERE instr(?, wanted.value) = 0)",
                [Expr::val(serde_json::Value::from(texts).to_string()), column],
            ),
        }
    }

    /// These ids as a table with one column. They are one value, see [`Self::contains_all`].
    pub(super) fn ids(self, ids: &[i64]) -> SelectStatement {
        let mut select = Query::select();
        match self {
            // The SELECT of its own hides the number of ids from the planner, see `requests`.
            Self::Postgres | Self::PostgresByOwner => {
                let array = Query::select().expr(Expr::val(ids.to_vec())).to_owned();
                select.expr(Func::cust("unnest").arg(Expr::SubQuery(None, Box::new(array.into()))));
            }
            Self::Sqlite => {
                let array = Expr::val(serde_json::Value::from(ids).to_string());
                select.expr(Expr::cust("value")).from_function(Func::cust("json_each").arg(array), Alias::new("json"));
            }
        }
        select
    }

    /// The due date by which a list is sorted, with tasks without one at the end. The indexes have the same expressions.
    pub(super) fn sorted_due_date(self, descending: bool) -> Expr {
        Expr::cust(match (self, descending) {
            (Self::Postgres | Self::PostgresByOwner, false) => {
                "COALESCE(due_at, timestamptz '9999-12-31T23:59:59.999999+00:00')"
            }
            (Self::Postgres | Self::PostgresByOwner, true) => {
                "COALESCE(due_at, timestamptz '0001-01-01T00:00:00+00:00')"
            }
            // The same as generated columns: SQLite plans again whenever a value is compared with an indexed expression.
            (Self::Sqlite, false) => "due_or_latest",
            (Self::Sqlite, true) => "due_or_earliest",
        })
    }

    /// The elements of the stored tags as a table, and the column that holds an element.
    pub(super) fn tag_elements(self) -> (FunctionCall, Expr) {
        let tags = Expr::col(Column::Tags);
        match self {
            Self::Sqlite => (Func::cust("json_each").arg(tags), Expr::col((Alias::new("tag"), Alias::new("value")))),
            Self::Postgres | Self::PostgresByOwner => {
                let elements = Func::cust("json_array_elements_text").arg(tags.cast_as("json"));
                (elements, Expr::col(Alias::new("tag")))
            }
        }
    }
}

/// An input of the request in the derived table.
pub(super) fn request(name: &'static str) -> Expr {
    Expr::col((Alias::new(REQUEST), Alias::new(name)))
}

/// The requests of a batch that an earlier part of the statement has found, in the place of the derived table.
pub(super) fn found_requests(found: &'static str) -> TableRef {
    Alias::new(found).into_table_ref().alias(Alias::new(REQUEST))
}

/// A column of the task, also if the derived table has one of the same name.
pub(super) fn task(column: Column) -> Expr {
    Expr::col((Entity, column))
}
