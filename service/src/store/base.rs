use ::entity::task::Column;
use ::entity::{task_change, task_request};
use sea_orm::QueryResult;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};

use super::columns::{IMAGE, READ};
use super::dialect::{Dialect, task};
use super::keys::{KeyedRequest, Remembered};
use super::row::Rows;
use super::{Cost, Store, owned};
use crate::db::Db;
use crate::model::{IdempotencyKey, Task};
use crate::{Caller, Error};

/// The maximum number of changes that are looked at.
const MAX_CHANGES: u64 = 10_000;
/// The mark of the row of the task as it is.
const CURRENT: &str = "current";
/// The mark of the row of the task as it was. The row of a key has its fingerprint there, which is longer.
const BASE: &str = "base";

/// What a merge needs.
#[derive(Debug, Default)]
pub(crate) struct MergeState {
    /// The caller's task as it is.
    pub(crate) current: Option<Task>,
    /// The task as it was at the version that the caller knows, if that is still known.
    pub(crate) base: Option<Task>,
    /// The request that was done with the key.
    pub(crate) done: Option<KeyedRequest>,
}

impl Store {
    /// What a merge needs, from one statement.
    pub(crate) async fn merge_state(
        &self,
        caller: &Caller,
        id: i64,
        version: i64,
        key: Option<&IdempotencyKey>,
    ) -> Result<MergeState, Error> {
        let dialect = Dialect::of_db(&self.db);
        let both = dialect.backend().build(&merge_state(caller, id, version, key, dialect));
        let select = |db: Db, limit| {
            let both = both.clone();
            async move {
                let push = |rows: &mut Rows, row: QueryResult| rows.push(&row, true, usize::MAX);
                db.select_in_order(&both, limit, push).await
            }
        };
        let rows = self.alone(caller, Cost::Heavy, select).await?;
        let mut state = MergeState::default();
        for (task, which) in rows.tasks.into_iter().zip(rows.texts) {
            match which.as_str() {
                CURRENT => state.current = Some(task),
                // If the task never had this version, the image is of a later one.
                BASE => state.base = Some(task).filter(|base| base.version() == version),
                _ => state.done = Some(KeyedRequest { fingerprint: which, outcome: Remembered::Task(task) }),
            }
        }
        Ok(state)
    }
}

fn text(text: &str) -> Expr {
    Expr::val(text).cast_as("text")
}

/// The task, the image in the first change of it after the version, which is the state that this change found, and the image of
/// the key.
pub(super) fn merge_state(
    caller: &Caller,
    id: i64,
    version: i64,
    key: Option<&IdempotencyKey>,
    dialect: Dialect,
) -> SelectStatement {
    use task_change::Column::{At, TaskId, UserId};
    let mut both = owned::select_nothing_by_id(caller, dialect);
    both.columns(READ.iter().copied()).expr(text(CURRENT)).and_where(task(Column::Id).eq(id));
    let recent = Query::select()
        .columns([TaskId, At])
        .columns(IMAGE.map(|(_, kept, _)| kept))
        .from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(caller.user_id().as_str()))
        .and_where(Expr::col(At).gt(version))
        .order_by(At, Order::Asc)
        .limit(MAX_CHANGES)
        .to_owned();
    let first = Query::select()
        .column(TaskId)
        .columns(IMAGE.map(|(_, kept, _)| kept))
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
        .columns(IMAGE.map(|(_, kept, _)| kept))
        .expr(text(BASE))
        .from_subquery(first, Alias::new("base"))
        .to_owned();
    both.union(UnionType::All, base);
    if let Some(key) = key {
        both.union(UnionType::All, keyed_task(caller, key));
    }
    both
}

/// The task of the request that was done with a key, and the fingerprint of that request.
fn keyed_task(caller: &Caller, key: &IdempotencyKey) -> SelectStatement {
    use task_request::Column::{Fingerprint, Key, TaskId, UserId};
    Query::select()
        .column(TaskId)
        .columns(IMAGE.map(|(.., kept)| kept))
        .column(Fingerprint)
        .from(task_request::Entity)
        .and_where(Expr::col(UserId).eq(caller.user_id().as_str()))
        .and_where(Expr::col(Key).eq(key.as_str()))
        .and_where(Expr::col(TaskId).is_not_null())
        .to_owned()
}
