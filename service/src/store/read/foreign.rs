use std::sync::{Arc, LazyLock};

use ::entity::task::{Column, Entity};
use sea_orm::sea_query::{ExprTrait, Query};

use super::{ID, IdRequest, OWNER, PLACE, place};
use crate::batch::{Batch, Operation};
use crate::db::Db;
use crate::store::dialect::{request, task};
use crate::store::input::Sent;
use crate::store::row::StoredRow;
use crate::store::statement::Statement;
use crate::{Error, UserId};

/// Answers whether an id is that of another user's task. It is asked only if a statement found no task of the caller.
#[derive(Debug)]
pub(in crate::store) struct Foreign;

/// `SELECT request.place FROM (…) AS request JOIN task ON task.id = request.id AND task.user_id <> request.user_id`.
///
/// The owner is compared: a task of the caller that was created a moment after the first statement is simply not found.
pub(super) static STATEMENT: LazyLock<Statement<IdRequest>> = LazyLock::new(|| {
    Statement::for_all_owners(vec![OWNER, ID, PLACE], |dialect, requests| {
        let mut select = Query::select();
        select.expr(request(PLACE.name));
        let is_foreign = task(Column::Id).eq(request(ID.name)).and(task(Column::UserId).ne(request(OWNER.name)));
        requests.join(&mut select, dialect, Entity, is_foreign);
        dialect.text(&select)
    })
});

impl Operation for Foreign {
    type Request = IdRequest;
    type Answer = bool;
    type Key = UserId;

    fn max_batch(&self) -> usize {
        256
    }

    fn key((caller, _): &IdRequest) -> Option<UserId> {
        Some(caller.user_id().clone())
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        let batch = Arc::clone(batch);
        db.read(async move |db| {
            let sent = Sent::all(&batch.requests);
            let answer = |row: &dyn StoredRow| {
                batch.answer(place(row.number(0)?), Ok(true));
                Ok(())
            };
            STATEMENT.fetch(db, &batch, &sent, &[], answer).await
        })
        .await
    }

    fn no_row(&self) -> Result<bool, Error> {
        Ok(false)
    }
}
