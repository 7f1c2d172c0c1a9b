use std::convert::Infallible;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sea_orm::{DbBackend, DbErr, sqlx};

use super::{failed, placed, read};
use crate::db::batch::{Batch, Lane, Queue, Set};
use crate::tasks::task::Task;
use crate::{Caller, Db, Error};

/// One task of a caller's, by its id.
pub(crate) struct Get;

pub(super) const POSTGRES: &str = concat!(
    "SELECT ",
    read!(),
    ", asked.place - 1
    FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) WITH ORDINALITY AS asked(user_id, id, place)
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

    fn lane(db: &Db) -> &Lane {
        &db.queues().reads
    }

    fn key(_: &Self::Request) -> Option<Infallible> {
        None
    }

    async fn run(db: &Db, set: &Arc<Set<Self>>) -> Result<(), Error> {
        let set = Arc::clone(set);
        db.read(async move |db| {
            let asked = set.requests.iter().map(|(caller, id)| (caller.user_id().as_str(), *id));
            if db.get_database_backend() == DbBackend::Postgres {
                let (owners, ids): (Vec<_>, Vec<_>) = asked.unzip();
                let mut rows = sqlx::query(POSTGRES).bind(owners).bind(ids).fetch(db.get_postgres_connection_pool());
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    let (place, task) = placed(&row)?;
                    set.answer(place, task.map(Some));
                }
            } else {
                let asked: serde_json::Value = asked.map(|(owner, id)| serde_json::json!([owner, id])).collect();
                let mut rows = sqlx::query(SQLITE).bind(asked.to_string()).fetch(db.get_sqlite_connection_pool());
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    let (place, task) = placed(&row)?;
                    set.answer(place, task.map(Some));
                }
            }
            Ok(())
        })
        .await
    }

    fn nothing() -> Result<Option<Task>, DbErr> {
        Ok(None)
    }
}
