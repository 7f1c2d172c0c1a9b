use chrono::{DateTime, Utc};
use sea_orm::sqlx::Row;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, SqlxError, Statement};

use super::columns::{READ, ReadPosition, Time, decode};
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
    /// The text at this position, if it is not null.
    fn optional_text(&self, position: usize) -> Result<Option<&str>, DbErr>;
    /// The number at this position, if it is not null.
    fn optional_number(&self, position: usize) -> Result<Option<i64>, DbErr>;
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

            fn optional_text(&self, position: usize) -> Result<Option<&str>, DbErr> {
                self.try_get_unchecked(position).map_err(query_error)
            }

            fn optional_number(&self, position: usize) -> Result<Option<i64>, DbErr> {
                self.try_get_unchecked(position).map_err(query_error)
            }
        }
    )*};
}
stored_row!(PgRow, SqliteRow);

/// The rows of a list.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The tasks, in the order of the list.
    pub(crate) tasks: Vec<Task>,
    /// The text behind the columns of each task, if the statement returns one.
    pub(crate) texts: Vec<String>,
    /// The state of the list: the owner's clock, as it was when the tasks were read or before.
    pub(crate) state: i64,
    /// Further rows were left out, because the texts of these are longer than wanted.
    pub(crate) is_cut: bool,
    bytes: usize,
}

impl Rows {
    /// Adds a task, unless the texts of those before it are longer than `max_bytes`.
    pub(super) fn add(&mut self, task: Task, max_bytes: usize) {
        if self.bytes > max_bytes {
            self.is_cut = true;
        } else {
            self.bytes += task.size();
            self.tasks.push(task);
        }
    }

    /// Adds a row, and the text behind the columns of its task if it has one. A row without a task has the state.
    pub(super) fn push(&mut self, row: &QueryResult, has_text: bool, max_bytes: usize) -> Result<(), DbErr> {
        if self.bytes > max_bytes {
            self.is_cut = true;
            return Ok(());
        }
        let position_of_state = AFTER_TASK + usize::from(has_text);
        let stored = stored(row)?;
        if stored.optional_number(ReadPosition::Id as usize)?.is_none() {
            self.state = stored.number(position_of_state)?;
            return Ok(());
        }
        if has_text {
            self.texts.push(row.try_get_by_index(AFTER_TASK)?);
        }
        self.add(stored.task()?, max_bytes);
        Ok(())
    }
}

/// Runs a statement that returns tasks.
pub(super) async fn fetch(db: &impl ConnectionTrait, statement: Statement, max_bytes: usize) -> Result<Rows, DbErr> {
    let mut rows = Rows::default();
    for row in db.query_all_raw(statement).await? {
        rows.push(&row, false, max_bytes)?;
    }
    Ok(rows)
}

/// The number and the time in the first two columns.
pub(super) fn number_and_time(row: &QueryResult) -> Result<(i64, DateTime<Utc>), DbErr> {
    let row = stored(row)?;
    Ok((row.number(0)?, row.time(1)?))
}

/// The row of the driver.
pub(super) fn stored(row: &QueryResult) -> Result<&dyn StoredRow, DbErr> {
    match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
        (Some(row), _) => Ok(row),
        (_, Some(row)) => Ok(row),
        (None, None) => Err(query_error(SqlxError::RowNotFound)),
    }
}
