//! The lock of an owner and the new clock in one statement, for tables that are split by owner.
//!
//! There each statement is a round trip to a node, which costs more than the write itself. So the clock moves with the lock, by
//! the numbers that the writes are going to take. If fewer of them are done, `sequence.rs` writes the row once more at the end,
//! with what was really done. If none is done, nothing is committed.

use std::sync::LazyLock;

use ::entity::task_owner::{Column, Entity};
use sea_orm::DbErr;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};

use super::owners::owner;
use super::sequence::{Clock, Clocks};
use crate::db::Transaction;
use crate::store::dialect::request;
use crate::store::input::{Input, InputValue, Sent};
use crate::store::request::{EditKind, EditRequest};
use crate::store::row::StoredRow;
use crate::store::statement::Statement;

/// Writes of one owner that are going to be done.
#[derive(Debug)]
struct Intended {
    user_id: String,
    /// The time in microseconds.
    now: i64,
    /// The number of the writes.
    writes: i64,
    /// The number of tasks that they add.
    tasks: i64,
}

/// `UPDATE task_owner SET clock = …, tasks = … WHERE user_id = $1 RETURNING …`: the new clock, the new number of tasks, and the
/// begin of the history.
static ADVANCE: LazyLock<Statement<Intended>> = LazyLock::new(|| {
    let inputs: Vec<Input<Intended>> = vec![
        Input { name: "user_id", value: InputValue::Text(|sent| Some(&sent.request.user_id)) },
        Input { name: "now", value: InputValue::BigInt(|sent| Some(sent.request.now)) },
        Input { name: "writes", value: InputValue::BigInt(|sent| Some(sent.request.writes)) },
        Input { name: "added", value: InputValue::BigInt(|sent| Some(sent.request.tasks)) },
    ];
    let advance = Statement::new(inputs, |dialect, requests| {
        let stored = |column: Column| Expr::col((Entity, column));
        let reached = Expr::from(Func::greatest([stored(Column::Clock), request("now")]));
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Clock, reached.add(request("writes")))
            .value(Column::Tasks, stored(Column::Tasks).add(request("added")))
            .and_where(stored(Column::UserId).eq(dialect.owner()))
            .returning(Query::returning().columns([Column::Clock, Column::Tasks, Column::Begin]));
        if let Some(requests) = requests.table() {
            update.from(requests);
        }
        dialect.text(&update)
    });
    advance.for_one_owner()
});

/// Locks the owner of a batch of one kind, and moves the owner's clock. The clock that it returns is the one from which the
/// writes take their numbers. It is at least `now`. An owner without a row has none.
pub(super) async fn advance<'a>(
    transaction: &mut Transaction,
    kind: EditKind,
    sent: &[Sent<'a, EditRequest>],
    now: i64,
) -> Result<Clocks<'a>, DbErr> {
    let mut clocks = Clocks::new();
    let Some(first) = sent.first() else { return Ok(clocks) };
    let writes = i64::try_from(sent.len()).unwrap_or(i64::MAX);
    let tasks = match kind {
        EditKind::Create => writes,
        EditKind::Change => 0,
        EditKind::Delete => -writes,
    };
    let intended = [Intended { user_id: owner(first).to_owned(), now, writes, tasks }];
    let keep = |row: &dyn StoredRow| {
        let (last, total) = (row.number(0)?, row.number(1)?);
        let clock =
            Clock { last: last - writes, tasks: total - tasks, begin: row.number(2)?, written: Some((last, total)) };
        clocks.insert(owner(first), clock);
        Ok(())
    };
    ADVANCE.fetch_in(transaction, &Sent::all(&intended), keep).await?;
    Ok(clocks)
}

/// The statement, by name.
#[cfg(test)]
pub(super) fn texts() -> [crate::store::statement::Texts; 1] {
    [ADVANCE.texts("advance", false, "")]
}
