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
/// many rows.
impl<'r, R: Row> FromRow<'r, R> for Task
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database>,
    i16: Decode<'r, R::Database>,
    bool: Decode<'r, R::Database>,
    &'r str: Decode<'r, R::Database>,
    Time: Decode<'r, R::Database>,
    Option<&'r str>: Decode<'r, R::Database>,
    Option<Time>: Decode<'r, R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, SqlxError> {
        let stored = Stored {
            id: row.try_get_unchecked(0)?,
            title: row.try_get_unchecked(1)?,
            description: row.try_get_unchecked(2)?,
            completed: row.try_get_unchecked(3)?,
            created_at: row.try_get_unchecked::<Time, _>(4)?.0,
            updated_at: row.try_get_unchecked::<Time, _>(5)?.0,
            completed_at: row.try_get_unchecked::<Option<Time>, _>(6)?.map(|Time(time)| time),
            priority: row.try_get_unchecked(7)?,
            tags: row.try_get_unchecked(8)?,
            due_date: row.try_get_unchecked(9)?,
        };
        stored.try_into()
    }
}

/// A time as it is stored. The driver's own way to read one panics at PostgreSQL's `infinity`, and all others of a set would
/// share that.
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Time {
    /// From PostgreSQL's binary form: microseconds since 2000-01-01.
    pub(super) fn from_postgres(since: i64) -> Option<Self> {
        const EPOCH: i64 = 946_684_800_000_000;
        since.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros).map(Self)
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let since = <i64 as Decode<Postgres>>::decode(value)?;
        Self::from_postgres(since).ok_or_else(|| "it is no time of the calendar".into())
    }
}

impl<'r> Decode<'r, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <DateTime<Utc> as Decode<Sqlite>>::decode(value).map(Self)
    }
}

/// The values of what is read of a row.
pub(super) struct Stored<'r> {
    pub(super) id: i64,
    pub(super) title: &'r str,
    pub(super) description: Option<&'r str>,
    pub(super) completed: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) completed_at: Option<DateTime<Utc>>,
    pub(super) priority: i16,
    pub(super) tags: &'r str,
    pub(super) due_date: Option<&'r str>,
}

impl TryFrom<Stored<'_>> for Task {
    type Error = SqlxError;

    fn try_from(stored: Stored<'_>) -> Result<Self, SqlxError> {
        let Stored { priority, tags, due_date, .. } = stored;
        Ok(Self {
            id: stored.id,
            title: stored.title.to_owned(),
            description: stored.description.map(str::to_owned),
            completed: stored.completed,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            completed_at: stored.completed_at,
            priority: Priority::from_stored(priority).ok_or_else(|| unreadable(7, format!("priority {priority}")))?,
            tags: Tags::from_stored(tags).map_err(|error| unreadable(8, error))?,
            due: due_date.map(Due::parse).transpose().map_err(|error| unreadable(9, error))?,
        })
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

/// Runs a statement that answers with tasks, each with the text that stands behind the columns that are read, if one does.
pub(super) async fn fetch_with_key(
    db: &impl ConnectionTrait,
    statement: Statement,
    has_key: bool,
) -> Result<Vec<(Task, Option<String>)>, DbErr> {
    let rows = db.query_all_raw(statement).await?;
    let key = |row: &QueryResult| has_key.then(|| row.try_get_by_index(READ.len())).transpose();
    rows.iter().map(|row| Ok((task(row)?, key(row)?))).collect()
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
