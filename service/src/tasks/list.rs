use ::entity::task::{COLUMN, Column};
use sea_orm::{QueryFilter, QueryOrder};

use super::owned::owned_by;
use super::task::{Status, Task};
use crate::{Caller, Db, Error};

/// The caller's tasks, newest first.
pub async fn list(db: &Db, caller: &Caller, status: Status) -> Result<Vec<Task>, Error> {
    let tasks = owned_by(caller).select().order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
    let tasks = match status {
        Status::All => tasks,
        Status::Pending => tasks.filter(COLUMN.completed.eq(false)),
        Status::Completed => tasks.filter(COLUMN.completed.eq(true)),
    };
    Ok(tasks.all(db.reader()).await?.into_iter().map(Task::from).collect())
}
