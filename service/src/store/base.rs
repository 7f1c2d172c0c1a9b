use ::entity::task::Column;
use ::entity::task_change;
use sea_orm::QueryResult;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};

use super::columns::{IMAGE, READ};
use super::dialect::task;
use super::row::Rows;
use super::{Cost, Store, owned};
use crate::db::Db;
use crate::model::Task;
use crate::{Caller, Error};

/// The maximum number of changes that are looked at.
const MAX_CHANGES: u64 = 10_000;
/// The mark of the row of the task as it is.
const CURRENT: &str = "current";

impl Store {
    /// The caller's task as it is, and as it was at this version, if that is still known. One statement reads both.
    pub(crate) async fn current_and_base(
        &self,
        caller: &Caller,
        id: i64,
        version: i64,
    ) -> Result<(Option<Task>, Option<Task>), Error> {
        let both = self.db.backend().build(&current_and_base(caller, id, version));
        let select = |db: Db, limit| {
            let both = both.clone();
            async move {
                let push = |rows: &mut Rows, row: QueryResult| rows.push(&row, true, usize::MAX);
                db.select(&both, limit, push).await
            }
        };
        let rows = self.alone(caller, Cost::Heavy, select).await?;
        let (mut current, mut base) = (None, None);
        for (task, which) in rows.tasks.into_iter().zip(rows.texts) {
            if which == CURRENT {
                current = Some(task);
            } else {
                // If the task never had this version, the image is of a later one.
                base = Some(task).filter(|base| base.version() == version);
            }
        }
        Ok((current, base))
    }
}

fn text(text: &str) -> Expr {
    Expr::val(text).cast_as("text")
}

/// The task, and the image in the first change of it after the version: the state that this change found.
pub(super) fn current_and_base(caller: &Caller, id: i64, version: i64) -> SelectStatement {
    use task_change::Column::{At, TaskId, UserId};
    let mut both = owned::select_nothing_by_id(caller);
    both.columns(READ.iter().copied()).expr(text(CURRENT)).and_where(task(Column::Id).eq(id));
    let recent = Query::select()
        .columns([TaskId, At])
        .columns(IMAGE.map(|(_, kept)| kept))
        .from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(caller.user_id().as_str()))
        .and_where(Expr::col(At).gt(version))
        .order_by(At, Order::Asc)
        .limit(MAX_CHANGES)
        .to_owned();
    let first = Query::select()
        .column(TaskId)
        .columns(IMAGE.map(|(_, kept)| kept))
        .from_subquery(recent, Alias::new("recent"))
        .and_where(Expr::col(TaskId).eq(id))
        // The change that created the task has no image.
        .and_where(Expr::col(task_change::Column::Title).is_not_null())
        .order_by(At, Order::Asc)
        .limit(1)
        .to_owned();
    // A table of its own, because its LIMIT would be that of the whole union.
    let base = Query::select()
        .column(TaskId)
        .columns(IMAGE.map(|(_, kept)| kept))
        .expr(text("base"))
        .from_subquery(first, Alias::new("base"))
        .to_owned();
    both.union(UnionType::All, base);
    both
}
