use std::sync::LazyLock;

use ::entity::task::{Column, Entity};
use sea_orm::sea_query::{Alias, ExprTrait, Query, SelectStatement, TableRef};

use super::steps::{Steps, Write};
use crate::store::columns::{ID, OWNER, WRITTEN, change_inputs, returned, time_of_write};
use crate::store::dialect::{Dialect, request, task};
use crate::store::request::EditRequest;
use crate::store::statement::Statement;

pub(super) static STATEMENT: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    let inputs = change_inputs();
    let count = inputs.len();
    Statement::new(inputs, |dialect, requests| steps(dialect, requests, count).text(dialect))
});

/// `UPDATE task SET … FROM (…) AS request WHERE task.id = request.id AND task.user_id = request.user_id RETURNING …`.
///
/// The scalars are the time of the batch and the lock timeout. The requests come in the order of their ids, and the plan is a
/// nested loop over them, so the rows are locked in that order. On a small table PostgreSQL can choose a hash join, which locks
/// in another order; a deadlock with another server is then resolved by a retry, and by sending each request alone.
fn steps(dialect: Dialect, requests: SelectStatement, inputs: usize) -> Steps {
    let now = time_of_write(dialect, dialect.scalar(inputs, 0, "timestamptz"));
    let mut update = Query::update();
    update.table(Entity);
    for written in &WRITTEN {
        if let Some(value) = written.changed(dialect, &now) {
            update.value(written.column, value);
        }
    }
    if let Some(set) = dialect.lock_timeout(dialect.scalar(inputs, 1, "text")) {
        update.from(TableRef::FunctionCall(set, Alias::new("lock_timeout").into()));
    }
    update
        .from(Dialect::request_table(requests))
        .and_where(task(Column::Id).eq(request(ID.name)))
        .and_where(task(Column::UserId).eq(request(OWNER.name)))
        .returning(returned());
    Steps::one(Write::Update(update))
}
