use std::convert::Infallible;
use std::sync::Arc;

use sea_orm::{DbBackend, DbErr, sqlx};

use super::{failed, give, read};
use crate::db::batch::{Answers, Batch, Queue};
use crate::tasks::task::Task;
use crate::{Caller, Db};

/// One task of a caller's, by its id.
pub(crate) struct Get;

pub(super) const POSTGRES: &str = concat!(
    "SELECT ",
    read!(),
    ", asked.place - 1 FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS asked(user_id, id, place)
    JOIN task ON task.id = asked.id AND task.user_id = asked.user_id"
);

pub(super) const SQLITE: &str = concat!(
    "SELECT ",
    read!(),
    ", asked.key FROM json_each($1) AS asked
    CROSS JOIN task ON task.id = asked.value ->> 1 AND task.user_id = asked.value ->> 0"
);

impl Batch for Get {
    type Request = (Caller, i64);
    type Answer = Option<Task>;
    type Key = Infallible;
    const MOST: usize = 256;

    fn queue(db: &Db) -> &Queue<Self> {
        &db.queues().get
    }

    fn key(_: &Self::Request) -> Option<Infallible> {
        None
    }

    async fn run(db: &Db, set: Arc<Vec<Self::Request>>) -> Answers<Self::Answer> {
        db.read(async move |db| {
            let mut found: Vec<Result<Option<Task>, DbErr>> = set.iter().map(|_| Ok(None)).collect();
            let asked = set.iter().map(|(caller, id)| (caller.user_id().as_str(), *id));
            if db.get_database_backend() == DbBackend::Postgres {
                let (owners, ids): (Vec<_>, Vec<_>) = asked.unzip();
                let query = sqlx::query(POSTGRES).bind(owners).bind(ids);
                let rows = query.fetch_all(db.get_postgres_connection_pool()).await.map_err(failed)?;
                give(&rows, &mut found, |place, task| *place = task.map(Some))?;
            } else {
                let asked: serde_json::Value = asked.map(|(owner, id)| serde_json::json!([owner, id])).collect();
                let query = sqlx::query(SQLITE).bind(asked.to_string());
                let rows = query.fetch_all(db.get_sqlite_connection_pool()).await.map_err(failed)?;
                give(&rows, &mut found, |place, task| *place = task.map(Some))?;
            }
            Ok(found)
        })
        .await
    }
}
