use chrono::{DateTime, Utc};
use sea_orm::sqlx::Row;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, SqlxError, Statement};

use super::columns::{READ, Time, decode};
use crate::db::fault::query_error;
use crate::model::Task;

/// A row of either driver. Values are read by position, and without a check of their type: the migrations determine it, and a
/// list reads many rows.
pub(super) trait StoredRow {
    /// The task, from the first columns.
    fn task(&self) -> Result<Task, DbErr>;
    /// The number at this position.
    fn number(&self, position: usize) -> Result<i64, DbErr>;
    /// The time at this position.
    fn time(&self, position: usize) -> Result<DateTime<Utc>, DbErr>;
    /// The text at this position.
    fn text(&self, position: usize) -> Result<&str, DbErr>;
}

/// The position of the first column behind those of the task.
pub(super) const AFTER_TASK: usize = READ.len();

macro_rules! stored_row {
    ($($row:ty),*) => {$(
        impl StoredRow for $row {
            fn task(&self) -> Result<Task, DbErr> {
                decode(self).map_err(query_error)
            }

            fn number(&self, position: usize) -> Result<i64, DbErr> {
                self.try_get_unchecked(position).map_err(query_error)
            }

            fn time(&self, position: usize) -> Result<DateTime<Utc>, DbErr> {
                self.try_get_unchecked(position).map(|Time(time)| time).map_err(query_error)
            }

            fn text(&self, position: usize) -> Result<&str, DbErr> {
                self.try_get_unchecked(position).map_err(query_error)
            }
        }
    )*};
}
stored_row!(PgRow, SqliteRow);

/// Runs a statement that returns tasks. With `has_text` it also returns the text behind the columns of each task.
pub(super) async fn fetch_with_text(
    db: &impl ConnectionTrait,
    statement: Statement,
    has_text: bool,
) -> Result<(Vec<Task>, Vec<String>), DbErr> {
    let rows = db.query_all_raw(statement).await?;
    let tasks = rows.iter().map(task).collect::<Result<_, _>>()?;
    let with_text = if has_text { rows.as_slice() } else { &[] };
    let texts = with_text.iter().map(|row: &QueryResult| row.try_get_by_index(AFTER_TASK)).collect::<Result<_, _>>()?;
    Ok((tasks, texts))
}

fn task(row: &QueryResult) -> Result<Task, DbErr> {
    match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
        (Some(row), _) => row.task(),
        (_, Some(row)) => row.task(),
        (None, None) => Err(query_error(SqlxError::RowNotFound)),
    }
}
