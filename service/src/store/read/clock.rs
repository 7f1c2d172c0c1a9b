use std::sync::{Arc, LazyLock};

use ::entity::task_owner::{Column, Entity};
use migration::Layout;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::place;
use crate::batch::{Batch, Operation};
use crate::db::Db;
use crate::store::dialect::request;
use crate::store::input::{Input, InputValue, Sent};
use crate::store::row::StoredRow;
use crate::store::statement::Statement;
use crate::{Caller, Error, UserId};

/// Reads the clock of a caller: the number of the last write. It is 0 for a caller without a row.
#[derive(Debug)]
pub(in crate::store) struct Clock;

const OWNER: Input<Caller> =
    Input { name: "user_id", value: InputValue::Text(|sent| Some(sent.request.user_id().as_str())) };
const PLACE: Input<Caller> = Input { name: "place", value: InputValue::BigInt(|sent| i64::try_from(sent.place).ok()) };

/// `SELECT task_owner.clock, request.place FROM (…) AS request JOIN task_owner ON …`.
pub(super) static STATEMENT: LazyLock<Statement<Caller>> = LazyLock::new(|| {
    Statement::whole(vec![OWNER, PLACE], |dialect, requests| {
        let mut select = Query::select();
        select.column((Entity, Column::Clock)).expr(request(PLACE.name));
        let is_owner = Expr::col((Entity, Column::UserId)).eq(dialect.owner());
        requests.join(&mut select, dialect, Entity, is_owner);
        dialect.text(&select)
    })
});

/// `SELECT clock FROM task_owner WHERE user_id = $1`.
static OF_ONE_OWNER: LazyLock<Statement<Caller>> = LazyLock::new(|| {
    Statement::on_one_table(vec![OWNER], |dialect| {
        let is_owner = Expr::col((Entity, Column::UserId)).eq(dialect.owner());
        dialect.text(Query::select().column((Entity, Column::Clock)).from(Entity).and_where(is_owner))
    })
});

impl Operation for Clock {
    type Request = Caller;
    type Answer = i64;
    type Key = UserId;

    fn max_batch(&self) -> usize {
        256
    }

    fn key(caller: &Caller) -> Option<UserId> {
        Some(caller.user_id().clone())
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        let batch = Arc::clone(batch);
        db.read(async move |db| {
            let sent = Sent::all(&batch.requests);
            if batch.layout() == Layout::ByOwner {
                let answer_all = |row: &dyn StoredRow| {
                    let clock = row.number(0)?;
                    (0..batch.requests.len()).for_each(|place| batch.answer(place, Ok(clock)));
                    Ok(())
                };
                return OF_ONE_OWNER.fetch(db, &batch, &sent, &[], answer_all).await;
            }
            let answer = |row: &dyn StoredRow| {
                batch.answer(place(row.number(1)?), Ok(row.number(0)?));
                Ok(())
            };
            STATEMENT.fetch(db, &batch, &sent, &[], answer).await
        })
        .await
    }

    fn no_row(&self) -> Result<i64, Error> {
        Ok(0)
    }
}
