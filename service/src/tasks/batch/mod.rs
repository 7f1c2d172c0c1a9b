//! The door to the rows of many owners at a time: each row of a set carries its owner, and each statement compares it. What is
//! asked for once it asks for many; there is no other statement for one.
//!
//! On PostgreSQL a set comes as one array for each column, on SQLite as one JSON array of objects: either way the text of the
//! statement is the same for every size of the set.

mod create;
mod get;
mod list;
mod update;

use sea_orm::sqlx::{self, ColumnIndex, Decode, FromRow, Row, Type};
use sea_orm::{DbErr, RuntimeErr};

pub(super) use self::create::{Create, NewRow};
pub(super) use self::get::Get;
pub(super) use self::list::Newest;
pub(super) use self::update::{Update, Written};
use super::row::READ;
use super::task::Task;
use crate::db::batch::Queue;

/// What waits to be answered together.
#[derive(Default)]
pub(crate) struct Queues {
    get: Queue<Get>,
    newest: Queue<Newest>,
    create: Queue<Create>,
    update: Queue<Update>,
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queues").finish_non_exhaustive()
    }
}

/// What is read of a row of `task`.
macro_rules! read {
    () => {
        "task.id, task.title, task.description, task.completed, task.created_at, task.updated_at, task.completed_at, \
         task.priority, task.tags, task.due_date"
    };
}
use read;

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// The tasks in these rows.
fn tasks<R: Row>(rows: &[R]) -> Result<Vec<Task>, DbErr>
where
    Task: for<'r> FromRow<'r, R>,
{
    rows.iter().map(|row| Task::from_row(row).map_err(failed)).collect()
}

/// The tasks in these rows, each with the place in the set that stands behind its columns.
fn placed<R: Row>(rows: &[R]) -> Result<Vec<(i64, Task)>, DbErr>
where
    Task: for<'r> FromRow<'r, R>,
    usize: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let one = |row: &R| Ok((row.try_get(READ.len())?, Task::from_row(row)?));
    rows.iter().map(|row| one(row).map_err(failed)).collect()
}
