use std::cmp::Reverse;
use std::convert::Infallible;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sea_orm::sqlx::{self, Row};
use sea_orm::{DbErr, RuntimeErr};

use super::records::Tasks;
use super::{failed, read};
use crate::db::batch::{Batch, Lane, Queue, Set};
use crate::tasks::task::Task;
use crate::{Caller, Db, Error};

/// The newest tasks of a caller's, at most so many. Only for PostgreSQL: SQLite has no round trips to share.
pub(crate) struct Newest;

/// A list in a row: so each is known to be whole as soon as it is there, while the next ones are still looked for.
pub(super) const POSTGRES: &str = concat!(
    "SELECT asked.place - 1, (SELECT array_agg(task) FROM (
        SELECT ",
    read!(),
    "
        FROM task WHERE task.user_id = asked.user_id ORDER BY task.created_at DESC, task.id DESC LIMIT asked.most
    ) AS task)
    FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) WITH ORDINALITY AS asked(user_id, most, place)"
);

impl Batch for Newest {
    type Request = (Caller, u32);
    type Answer = Vec<Task>;
    type Key = Infallible;
    const MOST: usize = 32;

    fn queue(db: &Db) -> &Queue<Self> {
        &db.queues().newest
    }

    fn lane(db: &Db) -> &Lane {
        &db.queues().reads
    }

    fn key(_: &Self::Request) -> Option<Infallible> {
        None
    }

    async fn run(db: &Db, set: &Arc<Set<Self>>) -> Result<(), Error> {
        let set = Arc::clone(set);
        db.read(async move |db| {
            let (owners, limits): (Vec<_>, Vec<_>) =
                set.requests.iter().map(|(caller, limit)| (caller.user_id().as_str(), i64::from(*limit))).unzip();
            let mut rows = sqlx::query(POSTGRES).bind(owners).bind(limits).fetch(db.get_postgres_connection_pool());
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                let place: i64 = row.try_get_unchecked(0).map_err(failed)?;
                let list = row.try_get_unchecked(1).map_err(failed).map(|Tasks(list)| in_order(list));
                set.answer(usize::try_from(place).unwrap_or(usize::MAX), list);
            }
            Ok(())
        })
        .await
    }

    /// Each request has its row.
    fn nothing() -> Result<Vec<Task>, DbErr> {
        Err(DbErr::Query(RuntimeErr::SqlxError(sqlx::Error::RowNotFound.into())))
    }
}

/// An aggregate promises no order, not even of what it is given in order; but it keeps it.
fn in_order(mut list: Vec<Task>) -> Vec<Task> {
    let place = |task: &Task| Reverse((task.created_at, task.id));
    if !list.is_sorted_by_key(place) {
        list.sort_by_key(place);
    }
    list
}
