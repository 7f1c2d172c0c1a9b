use ::entity::task::Column;
use migration::fold;

use super::due::Due;
use super::owned::{Moment, owned_by};
use super::task::{Change, Changes, Task};
use super::text::{Description, Title};
use super::{complete, row};
use crate::{Caller, Db, Error};

/// Changes the given fields of a task of the caller's and leaves the others to whoever else writes them. No change at all
/// writes nothing.
pub async fn update(db: &Db, caller: &Caller, id: i64, changes: Changes) -> Result<Task, Error> {
    if changes == Changes::default() {
        return super::get(db, caller, id).await;
    }
    let owned = owned_by(caller);
    let moment = Moment::now(db.backend());
    let mut update = owned.update(id, &moment);
    if let Change::To(title) = changes.title.map(Title::into_inner) {
        update.value(Column::TitleFolded, fold(&title)).value(Column::Title, title);
    }
    if let Change::To(description) = changes.description {
        let description = description.map(Description::into_inner);
        update
            .value(Column::DescriptionFolded, description.as_deref().map(fold))
            .value(Column::Description, description);
    }
    if let Change::To(completed) = changes.completed {
        complete::set(&mut update, completed.into(), &moment);
    }
    if let Change::To(priority) = changes.priority {
        update.value(Column::Priority, priority.to_stored());
    }
    if let Change::To(tags) = changes.tags {
        update.value(Column::Tags, tags.to_stored()).value(Column::TagsFolded, tags.to_stored_folded());
    }
    if let Change::To(due) = changes.due {
        let at = due.as_ref().map(|due| due.at().fixed_offset());
        update.value(Column::DueAt, at).value(Column::DueDate, due.map(Due::into_inner));
    }
    match db.write(async |db| row::fetch(db, &update).await).await?.pop() {
        Some(task) => Ok(task),
        None => owned.explain_missing(db, id).await,
    }
}
