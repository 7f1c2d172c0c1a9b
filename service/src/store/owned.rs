//! The rows of one owner, from which every statement starts that does not come from a batch.

use std::sync::LazyLock;

use ::entity::task::{COLUMN, Column, Entity};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func, SelectStatement};
use sea_orm::{EntityTrait, Iden, QueryFilter, QuerySelect, QueryTrait, Select};

use super::columns::READ;
use crate::Caller;

/// The tasks of the caller.
pub(super) fn owned_by(caller: &Caller) -> Select<Entity> {
    Entity::find().filter(COLUMN.user_id.eq(caller.user_id().as_str()))
}

/// The names of the columns that are read, as one expression. SeaORM allocates memory several times for each column, and a list is
/// built for each request.
static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<String> = READ.iter().map(|column| format!(r#""task"."{}""#, column.to_string())).collect();
    names.join(", ")
});

/// The columns of the caller's tasks that are read.
pub(super) fn select(caller: &Caller) -> SelectStatement {
    let mut select = select_nothing(caller);
    select.expr(Expr::cust(COLUMNS.as_str()));
    select
}

/// A select of the caller's tasks without columns, for a statement that names their ids.
pub(super) fn select_nothing_by_id(caller: &Caller) -> SelectStatement {
    Entity::find().filter(is_owner_by_id(caller)).select_only().into_query()
}

/// The condition that a task is the caller's, for a statement that names ids.
///
/// The owner is compared in a form that no index serves, so that the rows are found by their ids. PostgreSQL takes an owner whose
/// tasks are newer than its statistics for one with a single task. It would read all tasks of the owner, and compare each of them
/// with each id.
pub(super) fn is_owner_by_id(caller: &Caller) -> Expr {
    by_id(Expr::val(caller.user_id().as_str()))
}

/// The same for an owner that is a parameter of the statement.
pub(super) fn by_id(owner: Expr) -> Expr {
    Expr::cust("task.user_id || ''").eq(owner)
}

/// A select of the caller's tasks without columns.
pub(super) fn select_nothing(caller: &Caller) -> SelectStatement {
    owned_by(caller).select_only().into_query()
}

/// The number of the caller's tasks for which the condition holds.
pub(super) fn count(caller: &Caller, condition: Condition) -> SelectStatement {
    let mut count = select_nothing(caller);
    count.expr(Func::count(Expr::col(Column::Id))).cond_where(condition);
    count
}
