use std::cmp::Reverse;
use std::convert::Infallible;
use std::sync::Arc;

use sea_orm::{DbErr, sqlx};

use super::{failed, give, read};
use crate::db::batch::{Answers, Batch, Queue};
use crate::tasks::task::Task;
use crate::{Caller, Db};

/// The newest tasks of a caller's, at most so many. Only for PostgreSQL: SQLite knows no LATERAL, and no round trips either.
pub(crate) struct Newest;

pub(super) const POSTGRES: &str = concat!(
    "SELECT ",
    read!(),
    ", asked.place - 1 FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS asked(user_id, most, place)
    CROSS JOIN LATERAL (
        SELECT * FROM task WHERE task.user_id = asked.user_id ORDER BY task.created_at DESC, task.id DESC LIMIT asked.most
    ) AS task"
);

impl Batch for Newest {
    type Request = (Caller, u32);
    type Answer = Vec<Task>;
    type Key = Infallible;
    const MOST: usize = 32;

    fn queue(db: &Db) -> &Queue<Self> {
        &db.queues().newest
    }

    fn key(_: &Self::Request) -> Option<Infallible> {
        None
    }

    async fn run(db: &Db, set: Arc<Vec<Self::Request>>) -> Answers<Self::Answer> {
        db.read(async move |db| {
            let (owners, limits): (Vec<_>, Vec<_>) =
                set.iter().map(|(caller, limit)| (caller.user_id().as_str(), i64::from(*limit))).unzip();
            let query = sqlx::query(POSTGRES).bind(owners).bind(limits);
            let rows = query.fetch_all(db.get_postgres_connection_pool()).await.map_err(failed)?;
            let mut lists: Vec<Result<Vec<Task>, DbErr>> =
                set.iter().map(|_| Ok(Vec::with_capacity(rows.len() / set.len()))).collect();
            give(&rows, &mut lists, |list, task| match (&mut *list, task) {
                (Ok(tasks), Ok(task)) => tasks.push(task),
                (Ok(_), Err(error)) => *list = Err(error),
                (Err(_), _) => {}
            })?;
            for list in lists.iter_mut().flatten() {
                // The statement as a whole promises no order; but it has one.
                let place = |task: &Task| Reverse((task.created_at, task.id));
                if !list.is_sorted_by_key(place) {
                    list.sort_by_key(place);
                }
            }
            Ok(lists)
        })
        .await
    }
}
