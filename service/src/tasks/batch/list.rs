use std::convert::Infallible;
use std::sync::Arc;

use sea_orm::sqlx;

use super::{failed, placed, read};
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

    async fn run(db: &Db, requests: Arc<Vec<Self::Request>>) -> Result<Vec<Self::Answer>, Error> {
        let set = Arc::clone(&requests);
        let rows = db
            .read(async move |db| {
                let owners: Vec<&str> = set.iter().map(|(caller, _)| caller.user_id().as_str()).collect();
                let most = set.iter().map(|(_, limit)| *limit).max().unwrap_or_default();
                let query = sqlx::query(POSTGRES).bind(owners).bind(i64::from(most));
                placed(&query.fetch_all(db.get_postgres_connection_pool()).await.map_err(failed)?)
            })
            .await?;
        let mut lists: Vec<Vec<Task>> = requests.iter().map(|_| Vec::new()).collect();
        for (place, task) in rows {
            if let Some(list) = usize::try_from(place).ok().and_then(|place| lists.get_mut(place)) {
                list.push(task);
            }
        }
        for (list, (_, limit)) in lists.iter_mut().zip(requests.iter()) {
            // The statement as a whole promises no order.
            list.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(b.id.cmp(&a.id)));
            list.truncate(*limit as usize);
        }
        Ok(lists)
    }
}
