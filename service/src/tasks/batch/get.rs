use std::sync::Arc;

use sea_orm::{DbBackend, sqlx};

use super::{failed, read, tasks};
use crate::db::batch::{Batch, Queue};
use crate::tasks::task::Task;
use crate::{Caller, Db, Error};

/// One task of a caller's, by its id.
pub(crate) struct Get;

const POSTGRES: &str = concat!(
    "SELECT ",
    read!(),
    " FROM unnest($1::text[], $2::bigint[]) AS asked(user_id, id)
    JOIN task ON task.id = asked.id AND task.user_id = asked.user_id"
);

const SQLITE: &str = concat!(
    "SELECT ",
    read!(),
    " FROM json_each($1) AS asked
    CROSS JOIN task ON task.id = asked.value ->> 1 AND task.user_id = asked.value ->> 0"
);

impl Batch for Get {
    type Request = (Caller, i64);
    type Answer = Option<Task>;
    /// So that a row's id tells whose answer it is.
    type Key = i64;
    const MOST: usize = 256;

    fn queue(db: &Db) -> &Queue<Self> {
        &db.queues().get
    }

    fn key((_, id): &Self::Request) -> Option<i64> {
        Some(*id)
    }

    async fn run(db: &Db, requests: Arc<Vec<Self::Request>>) -> Result<Vec<Self::Answer>, Error> {
        let set = Arc::clone(&requests);
        let rows = db
            .read(async move |db| {
                let asked = set.iter().map(|(caller, id)| (caller.user_id().as_str(), *id));
                if db.get_database_backend() == DbBackend::Postgres {
                    let (owners, ids): (Vec<_>, Vec<_>) = asked.unzip();
                    let query = sqlx::query(POSTGRES).bind(owners).bind(ids);
                    tasks(&query.fetch_all(db.get_postgres_connection_pool()).await.map_err(failed)?)
                } else {
                    let asked = serde_json::Value::from_iter(asked.map(|(owner, id)| serde_json::json!([owner, id])));
                    let query = sqlx::query(SQLITE).bind(asked.to_string());
                    tasks(&query.fetch_all(db.get_sqlite_connection_pool()).await.map_err(failed)?)
                }
            })
            .await?;
        Ok(by_id(requests.iter().map(|(_, id)| *id), rows))
    }
}

/// The tasks in the order of these ids, each of which is there once; none where there is no row.
pub(super) fn by_id(ids: impl Iterator<Item = i64>, mut rows: Vec<Task>) -> Vec<Option<Task>> {
    rows.sort_unstable_by_key(|task| task.id);
    let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
    let find = |id| rows.binary_search_by_key(&Some(id), |task| task.as_ref().map(|task| task.id)).ok();
    let found: Vec<_> = ids.map(find).collect();
    found.into_iter().map(|place| rows.get_mut(place?)?.take()).collect()
}
