use std::convert::Infallible;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sea_orm::sqlx::{self, ColumnIndex, Decode, FromRow, Row};
use sea_orm::{DbBackend, DbErr};
use serde::{Serialize, Serializer};

use super::{columns, failed, read};
use crate::db::batch::{Batch, Queue, Set};
use crate::db::kept::Lane;
use crate::tasks::row::Time;
use crate::tasks::task::{Task, now};
use crate::{Caller, Db, Error};

/// A new task.
pub(crate) struct Create;

/// The row of a new task, apart from its owner, its id and when it was created.
#[derive(Serialize)]
pub(crate) struct NewRow {
    pub(crate) title: String,
    pub(crate) title_folded: String,
    pub(crate) description: Option<String>,
    pub(crate) description_folded: Option<String>,
    pub(crate) priority: i16,
    pub(crate) tags: String,
    pub(crate) tags_folded: String,
    pub(crate) due_date: Option<String>,
    #[serde(serialize_with = "stored_or_null")]
    pub(crate) due_at: Option<DateTime<Utc>>,
}

/// In SQLite's columns and in JSON: as the driver writes times there.
pub(super) fn stored(time: DateTime<Utc>) -> String {
    time.fixed_offset().to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn stored_or_null<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(stored).serialize(serializer)
}

pub(super) const POSTGRES: &str = concat!(
    "INSERT INTO task (user_id, title, title_folded, description, description_folded, priority, tags, tags_folded, due_date,
        due_at, created_at, updated_at, completed)
    SELECT user_id, title, title_folded, description, description_folded, priority, tags, tags_folded, due_date,
        due_at, created_at, created_at, false
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::text[],
        $10::timestamptz[], $11::timestamptz[])
        AS new(user_id, title, title_folded, description, description_folded, priority, tags, tags_folded, due_date,
            due_at, created_at)
    RETURNING ",
    read!()
);

const SQLITE: &str = concat!(
    "INSERT INTO task (user_id, title, title_folded, description, description_folded, priority, tags, tags_folded, due_date,
        due_at, created_at, updated_at, completed)
    SELECT new.value ->> 'user_id', new.value ->> 'title', new.value ->> 'title_folded', new.value ->> 'description',
        new.value ->> 'description_folded', new.value ->> 'priority', new.value ->> 'tags', new.value ->> 'tags_folded',
        new.value ->> 'due_date', new.value ->> 'due_at', new.value ->> 'created_at', new.value ->> 'created_at', false
    FROM json_each($1) AS new
    RETURNING ",
    columns!()
);

/// When the task at this place of a set is created.
fn nth(begin: DateTime<Utc>, place: usize) -> DateTime<Utc> {
    begin + TimeDelta::microseconds(i64::try_from(place).unwrap_or_default())
}

impl Batch for Create {
    type Request = (Caller, NewRow);
    type Answer = Task;
    type Key = Infallible;
    const MOST: usize = 256;

    fn queue(db: &Db) -> &Queue<Self> {
        &db.queues().create
    }

    fn lane(db: &Db) -> &Lane {
        &db.queues().writes
    }

    fn key(_: &Self::Request) -> Option<Infallible> {
        None
    }

    async fn run(db: &Db, set: &Arc<Set<Self>>) -> Result<(), Error> {
        // Each a microsecond after the one before: so a row tells whose it is, in whichever order the rows come back.
        let begin = now();
        let (count, set) = (set.requests.len(), Arc::clone(set));
        db.write(async move |db| {
            let requests = &set.requests;
            if db.get_database_backend() == DbBackend::Postgres {
                let column =
                    |text: fn(&NewRow) -> &str| -> Vec<&str> { requests.iter().map(|(_, row)| text(row)).collect() };
                let nullable = |text: fn(&NewRow) -> Option<&str>| -> Vec<Option<&str>> {
                    requests.iter().map(|(_, row)| text(row)).collect()
                };
                let query = sqlx::query(POSTGRES)
                    .bind(requests.iter().map(|(caller, _)| caller.user_id().as_str()).collect::<Vec<_>>())
                    .bind(column(|row| &row.title))
                    .bind(column(|row| &row.title_folded))
                    .bind(nullable(|row| row.description.as_deref()))
                    .bind(nullable(|row| row.description_folded.as_deref()))
                    .bind(requests.iter().map(|(_, row)| row.priority).collect::<Vec<_>>())
                    .bind(column(|row| &row.tags))
                    .bind(column(|row| &row.tags_folded))
                    .bind(nullable(|row| row.due_date.as_deref()))
                    .bind(requests.iter().map(|(_, row)| row.due_at).collect::<Vec<_>>())
                    .bind((0..requests.len()).map(|place| nth(begin, place)).collect::<Vec<_>>());
                let mut connection = set.connection(db).await?;
                let rows = query.fetch_all(&mut *connection).await.map_err(failed)?;
                set.keep(connection);
                answer(&set, begin, &rows)
            } else {
                let new = requests.iter().enumerate().map(|(place, (caller, row))| New {
                    user_id: caller.user_id().as_str(),
                    created_at: stored(nth(begin, place)),
                    row,
                });
                // Texts and numbers: they cannot fail to serialize.
                let new = serde_json::to_string(&new.collect::<Vec<_>>()).unwrap_or_default();
                let query = sqlx::query(SQLITE).bind(new);
                answer(&set, begin, &query.fetch_all(db.get_sqlite_connection_pool()).await.map_err(failed)?)
            }
        })
        .await?;
        db.has_grown_by(count);
        Ok(())
    }

    fn nothing() -> Result<Task, DbErr> {
        Err(DbErr::RecordNotInserted)
    }
}

/// Gives each of these rows to whom it is for: all of them, since only the end of the rows tells that they are committed.
fn answer<R: Row>(set: &Set<Create>, begin: DateTime<Utc>, rows: &[R]) -> Result<(), DbErr>
where
    Task: for<'r> FromRow<'r, R>,
    usize: ColumnIndex<R>,
    Time: for<'r> Decode<'r, R::Database>,
{
    for row in rows {
        let Time(created_at) = row.try_get_unchecked(CREATED_AT).map_err(failed)?;
        let place = (created_at - begin).num_microseconds().and_then(|place| usize::try_from(place).ok());
        set.answer(place.unwrap_or(usize::MAX), Task::from_row(row).map_err(failed));
    }
    Ok(())
}

/// Its place among what is read of a row.
const CREATED_AT: usize = 4;

#[derive(Serialize)]
struct New<'a> {
    user_id: &'a str,
    created_at: String,
    #[serde(flatten)]
    row: &'a NewRow,
}
