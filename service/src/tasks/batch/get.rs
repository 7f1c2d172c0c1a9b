use std::convert::Infallible;
use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use sea_orm::sqlx::{self, ColumnIndex, Decode, FromRow, Row};
use sea_orm::{DbBackend, DbErr};

use super::{columns, failed, read};
use crate::db::batch::{Batch, Queue, Set};
use crate::db::kept::Lane;
use crate::tasks::row::READ;
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
    columns!(),
    ", place FROM (SELECT key AS place, value ->> 0 AS owner, value ->> 1 AS asked FROM json_each($1))
    CROSS JOIN task ON task.id = asked AND task.user_id = owner"
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
                let mut connection = set.connection(db).await?;
                answer(&set, sqlx::query(POSTGRES).bind(owners).bind(ids).fetch(&mut *connection)).await?;
                set.keep(connection);
                Ok(())
            } else {
                let asked: serde_json::Value = asked.map(|(owner, id)| serde_json::json!([owner, id])).collect();
                let query = sqlx::query(SQLITE).bind(asked.to_string());
                answer(&set, query.fetch(db.get_sqlite_connection_pool())).await
            }
        })
        .await
    }

    fn nothing() -> Result<Option<Task>, DbErr> {
        Ok(None)
    }
}

/// Gives each of these rows to its place in the set, which stands behind the columns that are read, as soon as it is there.
async fn answer<R: Row>(set: &Set<Get>, mut rows: BoxStream<'_, sqlx::Result<R>>) -> Result<(), DbErr>
where
    Task: for<'r> FromRow<'r, R>,
    usize: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database>,
{
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let place: i64 = row.try_get_unchecked(READ.len()).map_err(failed)?;
        set.answer(usize::try_from(place).unwrap_or(usize::MAX), Task::from_row(&row).map(Some).map_err(failed));
    }
    Ok(())
}
