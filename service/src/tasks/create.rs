use migration::fold;

use super::batch::{Create, NewRow};
use super::due::Due;
use super::task::{NewTask, Task};
use super::text::{Description, Title};
use crate::db::batch::ask;
use crate::{Caller, Db, Error};

/// Creates a task of the caller's, not completed.
pub async fn create(db: &Db, caller: &Caller, new: NewTask) -> Result<Task, Error> {
    let title = Title::into_inner(new.title);
    let description = new.description.map(Description::into_inner);
    let row = NewRow {
        title_folded: fold(&title),
        title,
        description_folded: description.as_deref().map(fold),
        description,
        priority: new.priority.to_stored(),
        tags: new.tags.to_stored(),
        tags_folded: new.tags.to_stored_folded(),
        due_at: new.due.as_ref().map(Due::at),
        due_date: new.due.map(Due::into_inner),
    };
    ask::<Create>(db, (caller.clone(), row)).await
}
