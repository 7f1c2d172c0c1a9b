use std::cmp::Reverse;
use std::convert::Infallible;
use std::mem::replace;
use std::sync::{Arc, LazyLock};

use ::entity::task::{Column, Entity};
use sea_orm::DbErr;
use sea_orm::sea_query::{ExprTrait, Order, Query};

use super::{IdRequest, OWNER, place};
use crate::Error;
use crate::batch::{Batch, Operation};
use crate::db::Db;
use crate::model::{Task, now};
use crate::store::columns::read;
use crate::store::dialect::{Dialect, request, task};
use crate::store::input::{Input, InputValue, Sent};
use crate::store::row::{AFTER_TASK, StoredRow};
use crate::store::statement::Statement;

/// Reads the newest tasks of a caller, up to the requested number. Only PostgreSQL has it: SQLite has no round trips to share.
#[derive(Debug)]
pub(in crate::store) struct Newest;

const MOST: Input<IdRequest> = Input { name: "most", value: InputValue::BigInt(|sent| Some(sent.request.1)) };

/// The inner query is generated. The text around it is written by hand, because SeaQuery has neither `WITH ORDINALITY` nor
/// `LIMIT` with an expression.
///
/// The lists come one after the other, so that each is known to be complete when the next one begins. `ORDER BY` costs nothing:
/// PostgreSQL knows that `unnest` returns the places in this order.
pub(super) static STATEMENT: LazyLock<Statement<IdRequest>> = LazyLock::new(|| {
    let mut newest = Query::select();
    newest
        .columns(read())
        .from(Entity)
        .and_where(task(Column::UserId).eq(request(OWNER.name)))
        .order_by((Entity, Column::CreatedAt), Order::Desc)
        .order_by((Entity, Column::Id), Order::Desc);
    let newest = Dialect::Postgres.text(&newest);
    let text = format!(
        "SELECT task.*, request.place - 1
        FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) WITH ORDINALITY AS request(user_id, most, place)
        CROSS JOIN LATERAL ({newest} LIMIT request.most) AS task
        ORDER BY request.place"
    );
    Statement::for_postgres(vec![OWNER, MOST], text)
});

impl Operation for Newest {
    type Request = IdRequest;
    type Answer = Vec<Task>;
    type Key = Infallible;

    fn max_batch(&self) -> usize {
        64
    }

    fn key(_: &IdRequest) -> Option<Infallible> {
        None
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        let batch = Arc::clone(batch);
        db.read(async move |db| {
            let sent = Sent::all(&batch.requests, now());
            // The place of the list that is being read, and its tasks so far.
            let (mut reading, mut list) = (0, Ok(Vec::new()));
            let collect = |row: &dyn StoredRow| {
                let place = place(row.number(AFTER_TASK)?);
                if place < reading {
                    return Err(DbErr::Custom("the lists did not come one after the other".to_owned()));
                }
                if place > reading {
                    batch.answer(replace(&mut reading, place), replace(&mut list, Ok(Vec::new())).map(in_order));
                }
                if let Ok(tasks) = &mut list {
                    match row.task() {
                        Ok(task) => tasks.push(task),
                        Err(unreadable) => list = Err(Error::Database(unreadable)),
                    }
                }
                Ok(())
            };
            STATEMENT.fetch(db, &batch, &sent, &[], collect).await?;
            batch.answer(reading, list.map(in_order));
            Ok(())
        })
        .await
    }

    /// A caller without tasks has no row.
    fn no_row(&self) -> Result<Vec<Task>, Error> {
        Ok(Vec::new())
    }
}

/// A join does not promise to keep the order of its inner rows, although it does.
fn in_order(mut list: Vec<Task>) -> Vec<Task> {
    let place = |task: &Task| Reverse((task.created_at, task.id));
    if !list.is_sorted_by_key(place) {
        list.sort_by_key(place);
    }
    list
}
