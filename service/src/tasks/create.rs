use ::entity::task::ActiveModel;
use sea_orm::{DbErr, NotSet, Set};

use super::owned::owned_by;
use super::task::{NewTask, Task, now};
use super::text::{Description, Title};
use crate::{Caller, Db, Error};

/// Creates a task of the caller's, not completed.
pub async fn create(db: &Db, caller: &Caller, new: NewTask) -> Result<Task, Error> {
    let now = now().fixed_offset();
    let row = ActiveModel {
        id: NotSet,
        user_id: NotSet,
        title: Set(Title::into_inner(new.title)),
        description: Set(new.description.map(Description::into_inner)),
        completed: Set(false),
        created_at: Set(now),
        updated_at: Set(now),
    };
    // Not the one-row call: on SQLite it stops reading at the row, before the commit, and does not learn that this failed.
    let created = db.write(async |db| owned_by(caller).insert(row.clone()).exec_with_returning_many(db).await).await?;
    Ok(created.into_iter().next().ok_or(DbErr::RecordNotInserted)?.into())
}
