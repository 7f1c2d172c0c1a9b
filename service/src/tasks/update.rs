use ::entity::task::Column;
use sea_orm::sea_query::Expr;

use super::owned::owned_by;
use super::task::{Change, Changes, Task};
use super::text::{Description, Title};
use crate::{Caller, Db, Error};

/// Changes the given fields of a task of the caller's and leaves the others to whoever else writes them. No change at all
/// writes nothing.
pub async fn update(db: &Db, caller: &Caller, id: i64, changes: Changes) -> Result<Task, Error> {
    if changes == Changes::default() {
        return super::get(db, caller, id).await;
    }
    let owned = owned_by(caller);
    let mut update = owned.update(id, db.backend());
    if let Change::To(title) = changes.title {
        update = update.col_expr(Column::Title, Expr::val(Title::into_inner(title)));
    }
    if let Change::To(description) = changes.description {
        update = update.col_expr(Column::Description, Expr::val(description.map(Description::into_inner)));
    }
    if let Change::To(completed) = changes.completed {
        update = update.col_expr(Column::Completed, Expr::val(completed));
    }
    match db.write(async |db| update.clone().exec_with_returning(db).await).await?.pop() {
        Some(row) => Ok(row.into()),
        None => owned.explain_missing(db, id).await,
    }
}
