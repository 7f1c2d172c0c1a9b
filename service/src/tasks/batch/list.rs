use std::cmp::Reverse;
use std::convert::Infallible;
use std::mem::replace;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sea_orm::DbErr;
use sea_orm::sqlx::{self, FromRow, Row};

use super::{failed, read};
use crate::db::batch::{Batch, Queue, Set};
use crate::db::kept::Lane;
use crate::tasks::row::READ;
use crate::tasks::task::Task;
use crate::{Caller, Db, Error};

/// The newest tasks of a caller's, at most so many. Only for PostgreSQL: SQLite has no round trips to share.
pub(crate) struct Newest;

/// One list after the other, so that each is known to be whole when the next one begins. To ask for that costs nothing: what is
/// asked is read in this order, as PostgreSQL knows.
pub(super) const POSTGRES: &str = concat!(
    "SELECT task.*, asked.place - 1
    FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) WITH ORDINALITY AS asked(user_id, most, place)
    CROSS JOIN LATERAL (
        SELECT ",
    read!(),
    "
        FROM task WHERE task.user_id = asked.user_id ORDER BY task.created_at DESC, task.id DESC LIMIT asked.most
    ) AS task
    ORDER BY asked.place"
);

impl Batch for Newest {
    type Request = (Caller, u32);
    type Answer = Vec<Task>;
    type Key = Infallible;
    const MOST: usize = 64;

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
            let mut connection = set.connection(db).await?;
            let mut rows = sqlx::query(POSTGRES).bind(owners).bind(limits).fetch(&mut *connection);
            // The list that is being read, and whose it is.
            let (mut reading, mut list) = (0, Ok(Vec::new()));
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                let place: i64 = row.try_get_unchecked(READ.len()).map_err(failed)?;
                let place = usize::try_from(place).ok().filter(|place| *place >= reading).ok_or_else(out_of_order)?;
                if place > reading {
                    set.answer(replace(&mut reading, place), replace(&mut list, Ok(Vec::new())).map(in_order));
                }
                if let Ok(tasks) = &mut list {
                    match Task::from_row(&row) {
                        Ok(task) => tasks.push(task),
                        Err(unreadable) => list = Err(failed(unreadable)),
                    }
                }
            }
            drop(rows);
            set.keep(connection);
            set.answer(reading, list.map(in_order));
            Ok(())
        })
        .await
    }

    /// Whoever has no tasks has no row.
    fn nothing() -> Result<Vec<Task>, DbErr> {
        Ok(Vec::new())
    }
}

fn out_of_order() -> DbErr {
    DbErr::Custom("the lists do not come one behind the other".to_owned())
}

/// A join promises no order of what it is given in order; but it keeps it.
fn in_order(mut list: Vec<Task>) -> Vec<Task> {
    let place = |task: &Task| Reverse((task.created_at, task.id));
    if !list.is_sorted_by_key(place) {
        list.sort_by_key(place);
    }
    list
}
