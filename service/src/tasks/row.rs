use ::entity::task::Column;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Query, ReturningClause};
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::{PgValueRef, Postgres};
use sea_orm::sqlx::sqlite::{Sqlite, SqliteValueRef};
use sea_orm::sqlx::{ColumnIndex, Decode, FromRow, Row};
use sea_orm::{ConnectionTrait, DbErr, Iden, QueryResult, RuntimeErr, SqlxError, Statement, StatementBuilder};

use super::due::Due;
use super::priority::Priority;
use super::tag::Tags;
use super::task::Task;

/// What is read of a row, in the order that [`Task::from_row`] takes it in: neither the owner, who is asking, nor what
/// is only there to be searched.
pub(super) const READ: [Column; 10] = [
    Column::Id,
    Column::Title,
    Column::Description,
    Column::Completed,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::CompletedAt,
    Column::Priority,
    Column::Tags,
    Column::DueDate,
];

/// By place and not by name, and without asking each value again for its type, which the migrations have settled: a list reads
/// many rows. Null where a value must be is what a plain new task has, see `batch/mod.rs`.
impl<'r, R: Row> FromRow<'r, R> for Task
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database>,
    &'r str: Decode<'r, R::Database>,
    Time: Decode<'r, R::Database>,
    Option<bool>: Decode<'r, R::Database>,
    Option<i16>: Decode<'r, R::Database>,
    Option<&'r str>: Decode<'r, R::Database>,
    Option<Time>: Decode<'r, R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, SqlxError> {
        let time = |Time(time)| time;
        let created_at = row.try_get_unchecked(4).map(time)?;
        let priority: i16 = row.try_get_unchecked::<Option<_>, _>(7)?.unwrap_or_default();
        let tags: Option<&str> = row.try_get_unchecked(8)?;
        let due_date: Option<&str> = row.try_get_unchecked(9)?;
        Ok(Self {
            id: row.try_get_unchecked(0)?,
            title: row.try_get_unchecked::<&str, _>(1)?.to_owned(),
            description: row.try_get_unchecked::<Option<&str>, _>(2)?.map(str::to_owned),
            completed: row.try_get_unchecked::<Option<_>, _>(3)?.unwrap_or_default(),
            created_at,
            updated_at: row.try_get_unchecked::<Option<_>, _>(5)?.map_or(created_at, time),
            completed_at: row.try_get_unchecked::<Option<_>, _>(6)?.map(time),
            priority: Priority::from_stored(priority).ok_or_else(|| unreadable(7, format!("priority {priority}")))?,
            tags: tags.map(Tags::from_stored).transpose().map_err(|error| unreadable(8, error))?.unwrap_or_default(),
            due: due_date.map(Due::parse).transpose().map_err(|error| unreadable(9, error))?,
        })
    }
}

/// A time as it is stored. The driver's own way to read one panics at PostgreSQL's `infinity`, and all others of a set would
/// share that.
pub(super) struct Time(pub(super) DateTime<Utc>);

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        /// PostgreSQL counts microseconds since 2000-01-01.
        const EPOCH: i64 = 946_684_800_000_000;
        let since = <i64 as Decode<Postgres>>::decode(value)?;
        let time = since.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
        time.map(Self).ok_or_else(|| "it is no time of the calendar".into())
    }
}

impl<'r> Decode<'r, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <DateTime<Utc> as Decode<Sqlite>>::decode(value).map(Self)
    }
}

/// Something that only another program can have written.
fn unreadable(index: usize, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SqlxError {
    SqlxError::ColumnDecode { index: READ[index].to_string(), source: source.into() }
}

/// What a write answers with.
pub(super) fn returning() -> ReturningClause {
    Query::returning().columns(READ)
}

/// Runs a statement that answers with tasks; with `has_text` also the texts that stand behind the columns that are read, at the
/// same places.
pub(super) async fn fetch_with_text(
    db: &impl ConnectionTrait,
    statement: Statement,
    has_text: bool,
) -> Result<(Vec<Task>, Vec<String>), DbErr> {
    let rows = db.query_all_raw(statement).await?;
    let tasks = rows.iter().map(task).collect::<Result<_, _>>()?;
    let with_text = if has_text { rows.as_slice() } else { &[] };
    let texts = with_text.iter().map(|row: &QueryResult| row.try_get_by_index(READ.len())).collect::<Result<_, _>>()?;
    Ok((tasks, texts))
}

/// Runs a statement that answers with tasks. To its end: sqlx's one-row calls stop at the row, which on SQLite comes before the
/// commit, and do not learn that this failed.
pub(super) async fn fetch(db: &impl ConnectionTrait, statement: &impl StatementBuilder) -> Result<Vec<Task>, DbErr> {
    db.query_all(statement).await?.iter().map(task).collect()
}

fn task(row: &QueryResult) -> Result<Task, DbErr> {
    let task = match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
        (Some(row), _) => Task::from_row(row),
        (_, Some(row)) => Task::from_row(row),
        (None, None) => Err(SqlxError::RowNotFound),
    };
    task.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
}
