use ::entity::task::ActiveModel;
use migration::fold;
use sea_orm::{DbErr, Set};

use super::owned::owned_by;
use super::row;
use super::task::{NewTask, Task, now};
use super::text::{Description, Title};
use crate::{Caller, Db, Error};

/// Creates a task of the caller's, not completed.
pub async fn create(db: &Db, caller: &Caller, new: NewTask) -> Result<Task, Error> {
    let now = now().fixed_offset();
    let title = Title::into_inner(new.title);
    let mut row = ActiveModel {
        title_folded: Set(fold(&title)),
        title: Set(title),
        completed: Set(false),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    // What is not given has its default in the database.
    if let Some(description) = new.description.map(Description::into_inner) {
        row.description_folded = Set(Some(fold(&description)));
        row.description = Set(Some(description));
    }
    if new.priority != Default::default() {
        row.priority = Set(new.priority.to_stored());
    }
    if new.tags != Default::default() {
        row.tags = Set(new.tags.to_stored());
        row.tags_folded = Set(new.tags.to_stored_folded());
    }
    if let Some(due) = new.due {
        row.due_at = Set(Some(due.at().fixed_offset()));
        row.due_date = Set(Some(due.into_inner()));
    }
    let insert = owned_by(caller).insert(row);
    let created = db.write(async |db| row::fetch(db, &insert).await).await?.pop();
    created.ok_or(Error::Database(DbErr::RecordNotInserted))
}
