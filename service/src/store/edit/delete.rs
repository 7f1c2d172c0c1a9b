use std::sync::LazyLock;

use ::entity::task::{Column, Entity};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, LockType, Order, Query, SelectStatement};

use super::steps::{HELD, Steps, Write};
use crate::store::columns::{ID, OWNER, returned};
use crate::store::dialect::{Dialect, request, task};
use crate::store::request::EditRequest;
use crate::store::statement::Statement;

pub(super) static STATEMENT: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    let inputs = vec![OWNER, ID];
    let count = inputs.len();
    Statement::new(inputs, |dialect, requests| steps(dialect, requests, count).text(dialect))
});

/// `DELETE FROM task WHERE (id, user_id) IN (…) RETURNING …`. The scalar is the lock timeout.
///
/// PostgreSQL locks the rows first, in the order of their ids, because a DELETE locks rows in any order.
fn steps(dialect: Dialect, requests: SelectStatement, inputs: usize) -> Steps {
    let mut found = Query::select();
    found.column((Entity, Column::Id)).column((Entity, Column::UserId));
    if let Some(set) = dialect.lock_timeout(dialect.scalar(inputs, 0, "text")) {
        found.from_function(set, Alias::new("lock_timeout"));
    }
    found.from(Dialect::request_table(requests));
    let is_asked = task(Column::Id).eq(request(ID.name)).and(task(Column::UserId).eq(request(OWNER.name)));
    dialect.join_tasks(&mut found, is_asked);

    let mut delete = Query::delete();
    delete.from_table(Entity).returning(returned());
    let key = Expr::tuple([task(Column::Id), task(Column::UserId)]);
    match dialect {
        Dialect::Postgres => {
            found.order_by((Entity, Column::Id), Order::Asc).lock_with_tables(LockType::Update, [Entity]);
            let held = Query::select().columns([Column::Id, Column::UserId]).from(Alias::new(HELD)).to_owned();
            delete.and_where(key.in_subquery(held));
            Steps { lock: Some(found), write: Write::Delete(delete) }
        }
        Dialect::Sqlite => {
            delete.and_where(key.in_subquery(found));
            Steps::one(Write::Delete(delete))
        }
    }
}
