use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use ::entity::task::{Column, Entity};
use migration::Layout;
use sea_orm::sea_query::{Expr, ExprTrait, PgFunc, Query};

use super::{ID, IdRequest, OWNER, PLACE, place};
use crate::batch::{Batch, Operation};
use crate::db::Db;
use crate::model::Task;
use crate::store::columns::{ReadPosition, read};
use crate::store::dialect::{request, task};
use crate::store::input::Sent;
use crate::store::row::{AFTER_TASK, StoredRow};
use crate::store::statement::Statement;
use crate::{Error, UserId};

/// Reads one task of a caller by its id.
#[derive(Debug)]
pub(in crate::store) struct Get;

/// `SELECT …, request.place FROM (…) AS request JOIN task ON task.id = request.id AND task.user_id = request.user_id`.
pub(super) static STATEMENT: LazyLock<Statement<IdRequest>> = LazyLock::new(|| {
    Statement::whole(vec![OWNER, ID, PLACE], |dialect, requests| {
        let mut select = Query::select();
        select.columns(read()).expr(request(PLACE.name));
        let is_asked = task(Column::Id).eq(request(ID.name)).and(task(Column::UserId).eq(dialect.owner()));
        requests.join(&mut select, dialect, Entity, is_asked);
        dialect.text(&select)
    })
});

/// `SELECT … FROM task WHERE user_id = $1 AND id = ANY($2)`.
static OF_ONE_OWNER: LazyLock<Statement<IdRequest>> = LazyLock::new(|| {
    Statement::on_one_table(vec![OWNER, ID], |dialect| {
        let is_asked = task(Column::Id).eq(PgFunc::any(Expr::cust("$2::bigint[]")));
        let mut select = Query::select();
        select.columns(read()).from(Entity).and_where(task(Column::UserId).eq(dialect.owner())).and_where(is_asked);
        dialect.text(&select)
    })
});

impl Operation for Get {
    type Request = IdRequest;
    type Answer = Option<Task>;
    type Key = UserId;

    fn max_batch(&self) -> usize {
        256
    }

    fn key((caller, _): &IdRequest) -> Option<UserId> {
        Some(caller.user_id().clone())
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        if batch.layout() == Layout::ByOwner {
            return of_one_owner(db, batch).await;
        }
        let batch = Arc::clone(batch);
        db.read(async move |db| {
            let sent = Sent::all(&batch.requests);
            let answer = |row: &dyn StoredRow| {
                batch.answer(
                    place(row.number(AFTER_TASK)?),
                    row.task().map(Some).map_err(|error| Error::Database(error.into())),
                );
                Ok(())
            };
            STATEMENT.fetch(db, &batch, &sent, &[], answer).await
        })
        .await
    }

    fn no_row(&self) -> Result<Option<Task>, Error> {
        Ok(None)
    }
}

/// Reads tasks of one owner. A task that is asked for several times has one row.
async fn of_one_owner(db: &Db, batch: &Arc<Batch<Get>>) -> Result<(), Error> {
    let batch = Arc::clone(batch);
    db.read(async move |db| {
        let mut places: HashMap<i64, Vec<usize>> = HashMap::new();
        for (place, (_, id)) in batch.requests.iter().enumerate() {
            places.entry(*id).or_default().push(place);
        }
        let answer = |row: &dyn StoredRow| {
            let id = row.number(ReadPosition::Id as usize)?;
            let task = row.task().map(Some).map_err(|error| Error::Database(error.into()));
            for place in places.get(&id).into_iter().flatten() {
                batch.answer(*place, task.clone());
            }
            Ok(())
        };
        OF_ONE_OWNER.fetch(db, &batch, &Sent::all(&batch.requests), &[], answer).await
    })
    .await
}
