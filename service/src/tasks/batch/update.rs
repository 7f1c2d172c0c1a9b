use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sqlx::{self, ColumnIndex, Decode, FromRow};
use sea_orm::{DbBackend, DbErr};
use serde::Serialize;

use super::create::{stored, stored_or_null};
use super::{columns, failed, read};
use crate::db::batch::{Batch, Queue, Set};
use crate::db::kept::Lane;
use crate::tasks::row::READ;
use crate::tasks::task::{Task, now};
use crate::{Caller, Db, Error, UserId};

/// A write to a task of a caller's.
pub(crate) struct Update;

/// What is written: null keeps what is there, except where a column of its own says whether it does.
#[derive(Default, Serialize)]
pub(crate) struct Written {
    pub(crate) title: Option<String>,
    pub(crate) title_folded: Option<String>,
    pub(crate) sets_description: bool,
    pub(crate) description: Option<String>,
    pub(crate) description_folded: Option<String>,
    pub(crate) flips: bool,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<i16>,
    pub(crate) tags: Option<String>,
    pub(crate) tags_folded: Option<String>,
    pub(crate) sets_due: bool,
    pub(crate) due_date: Option<String>,
    #[serde(serialize_with = "stored_or_null")]
    pub(crate) due_at: Option<DateTime<Utc>>,
}

/// How long a set waits for a row that another transaction holds, before each of its requests is sent alone.
const PATIENCE_OF_MANY: &str = "1s";
/// And how long one alone waits: less than its caller does, so that nothing is done after that.
const PATIENCE_OF_ONE: &str = "9s";

/// `updated_at` moves forward also where the clocks of several servers disagree, or one goes back.
pub(super) const POSTGRES: &str = concat!(
    "UPDATE task SET
        title = COALESCE(new.title, task.title),
        title_folded = COALESCE(new.title_folded, task.title_folded),
        description = CASE WHEN new.sets_description THEN new.description ELSE task.description END,
        description_folded = CASE WHEN new.sets_description THEN new.description_folded ELSE task.description_folded END,
        completed = CASE WHEN new.flips THEN NOT task.completed ELSE COALESCE(new.completed, task.completed) END,
        completed_at = CASE WHEN CASE WHEN new.flips THEN NOT task.completed ELSE COALESCE(new.completed, task.completed) END
            THEN COALESCE(task.completed_at, GREATEST(task.updated_at + interval '1 microsecond', $1)) END,
        priority = COALESCE(new.priority, task.priority),
        tags = COALESCE(new.tags, task.tags),
        tags_folded = COALESCE(new.tags_folded, task.tags_folded),
        due_date = CASE WHEN new.sets_due THEN new.due_date ELSE task.due_date END,
        due_at = CASE WHEN new.sets_due THEN new.due_at ELSE task.due_at END,
        updated_at = GREATEST(task.updated_at + interval '1 microsecond', $1)
    FROM set_config('lock_timeout', $17, true),
        unnest((SELECT $2::text[]), (SELECT $3::bigint[]), (SELECT $4::text[]), (SELECT $5::text[]), (SELECT $6::boolean[]),
            (SELECT $7::text[]), (SELECT $8::text[]), (SELECT $9::boolean[]), (SELECT $10::boolean[]),
            (SELECT $11::smallint[]), (SELECT $12::text[]), (SELECT $13::text[]), (SELECT $14::boolean[]),
            (SELECT $15::text[]), (SELECT $16::timestamptz[]))
        AS new(user_id, id, title, title_folded, sets_description, description, description_folded, flips,
            completed, priority, tags, tags_folded, sets_due, due_date, due_at)
    WHERE task.id = new.id AND task.user_id = new.user_id
    RETURNING ",
    read!(),
    ", task.user_id"
);

pub(super) const SQLITE: &str = concat!(
    "UPDATE task SET
        title = COALESCE(new.value ->> 'title', title),
        title_folded = COALESCE(new.value ->> 'title_folded', title_folded),
        description = CASE WHEN new.value ->> 'sets_description' THEN new.value ->> 'description' ELSE description END,
        description_folded =
            CASE WHEN new.value ->> 'sets_description' THEN new.value ->> 'description_folded' ELSE description_folded END,
        completed = CASE WHEN new.value ->> 'flips' THEN NOT completed ELSE COALESCE(new.value ->> 'completed', completed) END,
        completed_at = CASE WHEN
            CASE WHEN new.value ->> 'flips' THEN NOT completed ELSE COALESCE(new.value ->> 'completed', completed) END
            THEN COALESCE(completed_at, MAX(replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', updated_at, '+0.001 seconds'), '.000+', '+'), $1)) END,
        priority = COALESCE(new.value ->> 'priority', priority),
        tags = COALESCE(new.value ->> 'tags', tags),
        tags_folded = COALESCE(new.value ->> 'tags_folded', tags_folded),
        due_date = CASE WHEN new.value ->> 'sets_due' THEN new.value ->> 'due_date' ELSE due_date END,
        due_at = CASE WHEN new.value ->> 'sets_due' THEN new.value ->> 'due_at' ELSE due_at END,
        updated_at = MAX(replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', updated_at, '+0.001 seconds'), '.000+', '+'), $1)
    FROM json_each($2) AS new
    WHERE task.id = new.value ->> 'id' AND task.user_id = new.value ->> 'user_id'
    RETURNING ",
    columns!(),
    ", user_id"
);

impl Batch for Update {
    type Request = (Caller, i64, Written);
    type Answer = Option<Task>;
    /// One statement writes a row once. With the owner: nobody else's requests for it are in the owner's way.
    type Key = (UserId, i64);
    const MOST: usize = 256;

    fn queue(db: &Db) -> &Queue<Self> {
        &db.queues().update
    }

    fn lane(db: &Db) -> &Lane {
        &db.queues().writes
    }

    fn key((caller, id, _): &Self::Request) -> Option<Self::Key> {
        Some((caller.user_id().clone(), *id))
    }

    async fn run(db: &Db, set: &Arc<Set<Self>>) -> Result<(), Error> {
        let set = Arc::clone(set);
        let now = now();
        db.write(async move |db| {
            // Every server locks the rows in the order of their ids: so none waits for one that waits for it.
            let mut ordered: Vec<_> = set.requests.iter().enumerate().collect();
            ordered.sort_unstable_by_key(|(_, request)| id_and_owner(request));
            if db.get_database_backend() == DbBackend::Postgres {
                let texts = |text: fn(&Written) -> Option<&str>| -> Vec<Option<&str>> {
                    ordered.iter().map(|(_, (_, _, new))| text(new)).collect()
                };
                let flags = |flag: fn(&Written) -> bool| -> Vec<bool> {
                    ordered.iter().map(|(_, (_, _, new))| flag(new)).collect()
                };
                let query = sqlx::query(POSTGRES)
                    .bind(now)
                    .bind(ordered.iter().map(|(_, (caller, _, _))| caller.user_id().as_str()).collect::<Vec<_>>())
                    .bind(ordered.iter().map(|(_, (_, id, _))| *id).collect::<Vec<_>>())
                    .bind(texts(|new| new.title.as_deref()))
                    .bind(texts(|new| new.title_folded.as_deref()))
                    .bind(flags(|new| new.sets_description))
                    .bind(texts(|new| new.description.as_deref()))
                    .bind(texts(|new| new.description_folded.as_deref()))
                    .bind(flags(|new| new.flips))
                    .bind(ordered.iter().map(|(_, (_, _, new))| new.completed).collect::<Vec<_>>())
                    .bind(ordered.iter().map(|(_, (_, _, new))| new.priority).collect::<Vec<_>>())
                    .bind(texts(|new| new.tags.as_deref()))
                    .bind(texts(|new| new.tags_folded.as_deref()))
                    .bind(flags(|new| new.sets_due))
                    .bind(texts(|new| new.due_date.as_deref()))
                    .bind(ordered.iter().map(|(_, (_, _, new))| new.due_at).collect::<Vec<_>>())
                    .bind(if ordered.len() > 1 { PATIENCE_OF_MANY } else { PATIENCE_OF_ONE });
                let mut connection = set.connection(db).await?;
                let rows = query.fetch_all(&mut *connection).await.map_err(failed)?;
                set.keep(connection);
                answer(&set, &ordered, &rows)
            } else {
                let new = ordered.iter().map(|(_, (caller, id, new))| Row {
                    user_id: caller.user_id().as_str(),
                    id: *id,
                    new,
                });
                // Texts and numbers: they cannot fail to serialize.
                let new = serde_json::to_string(&new.collect::<Vec<_>>()).unwrap_or_default();
                let query = sqlx::query(SQLITE).bind(stored(now)).bind(new);
                let rows = query.fetch_all(db.get_sqlite_connection_pool()).await.map_err(failed)?;
                answer(&set, &ordered, &rows)
            }
        })
        .await
    }

    fn nothing() -> Result<Option<Task>, DbErr> {
        Ok(None)
    }
}

type Request = <Update as Batch>::Request;

fn id_and_owner((caller, id, _): &Request) -> (i64, &str) {
    (*id, caller.user_id().as_str())
}

/// Gives each of these rows to whom it is for: all of them, since only the end of the rows tells that they are committed.
fn answer<R: sqlx::Row>(set: &Set<Update>, ordered: &[(usize, &Request)], rows: &[R]) -> Result<(), DbErr>
where
    Task: for<'r> FromRow<'r, R>,
    usize: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database>,
    for<'r> &'r str: Decode<'r, R::Database>,
{
    for row in rows {
        let id: i64 = row.try_get_unchecked(0).map_err(failed)?;
        let owner: &str = row.try_get_unchecked(READ.len()).map_err(failed)?;
        if let Ok(found) = ordered.binary_search_by_key(&(id, owner), |(_, request)| id_and_owner(request)) {
            set.answer(ordered[found].0, Task::from_row(row).map(Some).map_err(failed));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    user_id: &'a str,
    id: i64,
    #[serde(flatten)]
    new: &'a Written,
}
