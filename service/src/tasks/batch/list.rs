use std::cmp::Reverse;
use std::convert::Infallible;
use std::sync::Arc;

use sea_orm::sqlx;

use super::{failed, give, read};
use crate::db::batch::{Batch, Queue};
use crate::tasks::task::Task;
use crate::{Caller, Db, Error};

/// The newest tasks of a caller's, at most so many. Only for PostgreSQL: SQLite knows no LATERAL, and no round trips either.
pub(crate) struct Newest;

pub(super) const POSTGRES: &str = concat!(
    "SELECT ",
    read!(),
    ", asked.place - 1 FROM unnest($1::text[]) WITH ORDINALITY AS asked(user_id, place)
    CROSS JOIN LATERAL (
        SELECT * FROM task WHERE task.user_id = asked.user_id ORDER BY task.created_at DESC, task.id DESC LIMIT $2
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

    async fn run(db: &Db, set: Arc<Vec<Self::Request>>) -> Result<Vec<Self::Answer>, Error> {
        db.read(async move |db| {
            let owners: Vec<&str> = set.iter().map(|(caller, _)| caller.user_id().as_str()).collect();
            let most = set.iter().map(|(_, limit)| *limit).max().unwrap_or_default();
            let query = sqlx::query(POSTGRES).bind(owners).bind(i64::from(most));
            let rows = query.fetch_all(db.get_postgres_connection_pool()).await.map_err(failed)?;
            let mut lists: Vec<Vec<Task>> = set.iter().map(|_| Vec::with_capacity(rows.len() / set.len())).collect();
            give(&rows, &mut lists, Vec::push)?;
            for (list, (_, limit)) in lists.iter_mut().zip(set.iter()) {
                // The statement as a whole promises no order; but it has one.
                let place = |task: &Task| Reverse((task.created_at, task.id));
                if !list.is_sorted_by_key(place) {
                    list.sort_by_key(place);
                }
                list.truncate(*limit as usize);
            }
            Ok(lists)
        })
        .await
    }
}
