//! Edits of all tasks of one owner. Each is one statement, so all its rows are written or none.

use std::sync::LazyLock;

use ::entity::task::{Column, Entity};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait, Query, SelectStatement};

use super::steps::{Steps, Write};
use crate::store::columns::{OWNER, completed_at, time_of_write};
use crate::store::dialect::{Dialect, task};
use crate::store::request::EditRequest;
use crate::store::statement::Statement;

/// Completes every task of the owner that is not completed. The scalar is the time of the write.
pub(super) static COMPLETE_ALL: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    Statement::new(vec![OWNER], |dialect, owners| {
        let now = time_of_write(dialect, dialect.scalar(1, 0, "timestamptz"));
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Completed, true)
            .value(Column::CompletedAt, completed_at(Expr::val(true), now.clone()))
            .value(Column::UpdatedAt, now)
            .and_where(task(Column::UserId).in_subquery(owners))
            .and_where(task(Column::Completed).eq(false));
        Steps::one(Write::Update(update)).text(dialect)
    })
});

/// Deletes every completed task of the owner.
pub(super) static DELETE_COMPLETED: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    Statement::new(vec![OWNER], |dialect, owners| {
        let mut delete = all_of(owners);
        delete.and_where(task(Column::Completed).eq(true));
        Steps::one(Write::Delete(delete)).text(dialect)
    })
});

/// Deletes every task of the owner.
pub(super) static ERASE: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    Statement::new(vec![OWNER], |dialect: Dialect, owners| Steps::one(Write::Delete(all_of(owners))).text(dialect))
});

fn all_of(owners: SelectStatement) -> DeleteStatement {
    Query::delete().from_table(Entity).and_where(task(Column::UserId).in_subquery(owners)).to_owned()
}
