use migration::fold;

use super::batch::{Update, Written};
use super::due::Due;
use super::owned::owned_by;
use super::task::{Change, Changes, Task};
use super::text::{Description, Title};
use crate::db::batch::ask;
use crate::{Caller, Db, Error};

/// Changes the given fields of a task of the caller's and leaves the others to whoever else writes them. No change at all
/// writes nothing.
pub async fn update(db: &Db, caller: &Caller, id: i64, changes: Changes) -> Result<Task, Error> {
    if changes == Changes::default() {
        return super::get(db, caller, id).await;
    }
    let mut new = Written::default();
    if let Change::To(title) = changes.title.map(Title::into_inner) {
        new.title_folded = Some(fold(&title));
        new.title = Some(title);
    }
    if let Change::To(description) = changes.description {
        new.sets_description = true;
        new.description = description.map(Description::into_inner);
        new.description_folded = new.description.as_deref().map(fold);
    }
    if let Change::To(completed) = changes.completed {
        new.completed = Some(completed);
    }
    if let Change::To(priority) = changes.priority {
        new.priority = Some(priority.to_stored());
    }
    if let Change::To(tags) = changes.tags {
        new.tags = Some(tags.to_stored());
        new.tags_folded = Some(tags.to_stored_folded());
    }
    if let Change::To(due) = changes.due {
        new.sets_due = true;
        new.due_at = due.as_ref().map(Due::at);
        new.due_date = due.map(Due::into_inner);
    }
    write(db, caller, id, new).await
}

pub(super) async fn write(db: &Db, caller: &Caller, id: i64, new: Written) -> Result<Task, Error> {
    match ask::<Update>(db, (caller.clone(), id, new)).await? {
        Some(task) => Ok(task),
        None => owned_by(caller).explain_missing(db, id).await,
    }
}
