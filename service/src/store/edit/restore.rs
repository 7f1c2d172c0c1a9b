//! The restoration of deleted tasks. The log has a deleted task in the change that deleted it.
//!
//! A restoration is rare, so both databases do it one statement after the other, in a transaction that locks the owners first.
//! The next statements then see every write that was committed before. One statement could not: its snapshot is older than the
//! lock, and there is no row of a task to lock, so it could restore a task that another server has just restored or wiped.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::entity::task::Column;
use ::entity::task_change;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden, Query};
use sea_orm::{DbBackend, DbErr};

use super::owners::owner;
use super::sequence::{self, Clocks, NamedClock};
use super::steps::{self, Kind};
use super::whole::{self, ReminderRow, WholeTask, text};
use super::{BATCH_LOCK_TIMEOUT, DELETED, MAX_BATCH};
use crate::batch::{Batch, Operation};
use crate::db::{DEADLINE, Db, Transaction};
use crate::listeners::Listeners;
use crate::model::{Task, now, reminder_times};
use crate::store::columns::{ID, IMAGE, OWNER, ReadPosition, read};
use crate::store::dialect::{request, task};
use crate::store::growth::Growth;
use crate::store::input::{Input, InputValue, Sent};
use crate::store::keys::{self, Claim};
use crate::store::request::EditRequest;
use crate::store::row::{AFTER_TASK, StoredRow};
use crate::store::statement::{Cell, Inserted, Statement};
use crate::store::sweep::before;
use crate::{Error, UserId};

/// The restorations of deleted tasks. The answer is the task, also if it exists already, or `None` if it is not in the trash.
#[derive(Debug)]
pub(in crate::store) struct Restores {
    pub(in crate::store) growth: Arc<Growth>,
    /// The maximum number of tasks of a user.
    pub(in crate::store) max_tasks: i64,
    /// The time for which deleted tasks are kept.
    pub(in crate::store) history: Duration,
    pub(in crate::store) listeners: Arc<Listeners>,
}

impl Operation for Restores {
    type Request = EditRequest;
    type Answer = Option<Task>;
    /// The owner, who can be locked by only one transaction at a time.
    type Key = UserId;

    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn key(request: &EditRequest) -> Option<UserId> {
        Some(request.caller.user_id().clone())
    }

    fn row(request: &EditRequest) -> Option<i64> {
        request.id
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        // The transaction takes a connection out of the pool, which may have only this one.
        drop(batch.take_lease());
        let limits = Limits { oldest: before(self.history), max_tasks: self.max_tasks };
        let work = |transaction| {
            let batch = Arc::clone(batch);
            async move { restore(transaction, &batch, limits).await }
        };
        let restored = db.transact(DEADLINE, work).await?;
        self.growth.add(db, restored);
        self.listeners.wrote(batch.requests.iter().map(|request| request.caller.user_id()));
        Ok(())
    }

    fn no_row(&self) -> Result<Option<Task>, Error> {
        Ok(None)
    }
}

#[derive(Clone, Copy)]
struct Limits {
    /// The number before which deleted tasks are no longer kept.
    oldest: i64,
    max_tasks: i64,
}

/// Restores the tasks of a batch, and answers its requests after the commit. Returns the number of restored tasks.
async fn restore(mut transaction: Transaction, batch: &Batch<Restores>, limits: Limits) -> Result<usize, DbErr> {
    let mut sent = Sent::all(&batch.requests);
    let owners: HashSet<&str> = sent.iter().map(owner).collect();
    // SQLite has no locks of rows.
    if owners.len() > 1 && transaction.backend() == DbBackend::Postgres {
        // As every batch of several owners, see `BATCH_LOCK_TIMEOUT`.
        let timeout = format!("SET LOCAL lock_timeout = '{BATCH_LOCK_TIMEOUT}'");
        transaction.execute(&sea_orm::Statement::from_string(DbBackend::Postgres, timeout)).await?;
    }
    let mut clocks = sequence::hold(&mut transaction, &sent).await?;
    let (mut answers, mut restored) = (Vec::new(), 0);
    while !sent.is_empty() {
        // First, so that all repetitions of a request that was done are dropped together.
        sequence::drop_claimed(&mut transaction, &mut sent).await?;
        let later = sequence::take_repeated_keys(&mut sent);
        restored += restore_each(&mut transaction, &sent, &mut clocks, limits, &mut answers).await?;
        sent = later;
    }
    transaction.commit().await?;
    for (place, answer) in answers {
        batch.answer(place, answer.map(Some));
    }
    Ok(restored)
}

/// The place of a request and its answer.
type Answer = (usize, Result<Task, Error>);

/// Restores the tasks of requests whose keys are not claimed, and claims their keys. Returns the number of restored tasks. Adds
/// the answers, which are final after the commit.
async fn restore_each<'a>(
    transaction: &mut Transaction,
    sent: &[Sent<'a, EditRequest>],
    clocks: &mut Clocks<'a>,
    Limits { oldest, max_tasks }: Limits,
    answers: &mut Vec<Answer>,
) -> Result<usize, DbErr> {
    let places: HashMap<_, _> = sent.iter().map(|sent| (sent.request.id_and_owner(), sent)).collect();
    let (mut existing, mut deleted) = (HashMap::new(), Vec::new());
    let request_of = |row: &dyn StoredRow| -> Result<_, DbErr> {
        Ok(places.get(&(Some(row.number(ReadPosition::Id as usize)?), row.text(AFTER_TASK)?)).copied())
    };
    let keep = |row: &dyn StoredRow| {
        if let Some(sent) = request_of(row)? {
            existing.insert(sent.place, row.task());
        }
        Ok(())
    };
    EXISTING.fetch_in(transaction, sent, keep).await?;
    let keep = |row: &dyn StoredRow| {
        if let Some(sent) = request_of(row)?
            && row.number(AFTER_TASK + 1)? >= oldest
        {
            deleted.push((sent, row.task()));
        }
        Ok(())
    };
    DELETED_TASKS.fetch_in(transaction, sent, keep).await?;
    deleted.retain(|(sent, _)| !existing.contains_key(&sent.place));
    // In the order of their arrival, so that the quota refuses the last ones.
    deleted.sort_unstable_by_key(|(sent, _)| sent.place);
    let mut occurrences = read_occurrences(transaction, &deleted).await?;

    let (mut restored, mut claims, now) = (Vec::new(), Vec::new(), now().timestamp_micros());
    for (sent, image) in deleted {
        let Some(clock) = clocks.get_mut(owner(sent)) else { continue };
        let image = match image {
            Ok(image) if !occurrences.insert_new(owner(sent), &image) => {
                answers.push((sent.place, Err(Error::OccurrenceExists)));
                continue;
            }
            Ok(image) if clock.tasks < max_tasks => image,
            Ok(_) => {
                answers.push((sent.place, Err(Error::TooManyTasks)));
                continue;
            }
            Err(error) => {
                answers.push((sent.place, Err(Error::Database(error.into()))));
                continue;
            }
        };
        clock.last = clock.after(now);
        clock.tasks += 1;
        let task = WholeTask::restored(sent.request, image, clock.last);
        claims.extend(Claim::of(sent.request, now, &task.task));
        restored.push((sent.place, task));
    }
    write(transaction, &restored, clocks).await?;
    keys::claim_in(transaction, claims).await?;
    let count = restored.len();
    answers
        .extend(existing.into_iter().map(|(place, task)| (place, task.map_err(|error| Error::Database(error.into())))));
    answers.extend(restored.into_iter().map(|(place, restored)| (place, Ok(restored.task))));
    Ok(count)
}

/// Occurrences of series: the owner, the series, and what they stand for.
#[derive(Default)]
struct Occurrences(HashSet<(String, i64, String)>);

impl Occurrences {
    /// Adds the occurrence of a task. Returns whether there was none; a task without a series always is new.
    fn insert_new(&mut self, owner: &str, task: &Task) -> bool {
        let (Some(series), Some(slot)) = (task.series_id, &task.occurrence) else { return true };
        self.0.insert((owner.to_owned(), series, slot.as_str().to_owned()))
    }
}

/// Reads which occurrences of the deleted tasks exist.
async fn read_occurrences(
    transaction: &mut Transaction,
    deleted: &[(&Sent<'_, EditRequest>, Result<Task, DbErr>)],
) -> Result<Occurrences, DbErr> {
    let of_series = deleted.iter().filter_map(|(sent, task)| Some((sent.request, task.as_ref().ok()?)));
    let of_series = of_series.filter(|(_, task)| task.series_id.is_some());
    let wanted: Vec<WholeTask> = of_series.map(|(request, task)| WholeTask::new(request, task.clone())).collect();
    let mut occurrences = Occurrences::default();
    if !wanted.is_empty() {
        let keep = |row: &dyn StoredRow| {
            occurrences.0.insert((row.text(0)?.to_owned(), row.number(1)?, row.text(2)?.to_owned()));
            Ok(())
        };
        whole::OCCURRENCES.fetch_in(transaction, &Sent::all(&wanted), keep).await?;
    }
    Ok(occurrences)
}

/// Writes the tasks and their changes, and moves the clocks of their owners.
async fn write(
    transaction: &mut Transaction,
    restored: &[(usize, WholeTask)],
    clocks: &Clocks<'_>,
) -> Result<(), DbErr> {
    if restored.is_empty() {
        return Ok(());
    }
    let tasks = restored.iter().enumerate().map(|(place, (_, restored))| {
        let mut sent = Sent { request: restored, place, turn: crate::store::input::Turn::default() };
        sent.turn.at = restored.task.version();
        sent
    });
    let tasks: Vec<Sent<'_, WholeTask>> = tasks.collect();
    whole::INSERT_WITH_ID.fetch_in(transaction, &tasks, |_| Ok(())).await?;
    LOG.fetch_in(transaction, &tasks, |_| Ok(())).await?;
    let now = now().timestamp_micros();
    // A reminder whose time has passed does not fire.
    let reminders = restored.iter().flat_map(|(_, WholeTask { user_id, task, .. })| {
        let times = reminder_times(task).into_iter().filter(move |(_, at)| *at > now);
        times.map(move |time| ReminderRow { user_id: user_id.clone(), task_id: task.id, time })
    });
    let reminders: Vec<ReminderRow> = reminders.collect();
    if !reminders.is_empty() {
        whole::INSERT_REMINDERS.fetch_in(transaction, &Sent::all(&reminders), |_| Ok(())).await?;
    }
    let owners: HashSet<&str> = restored.iter().map(|(_, restored)| restored.user_id.as_str()).collect();
    let moved = owners.iter().filter_map(|owner| Some(((*owner).to_owned(), *clocks.get(owner)?)));
    let moved: Vec<NamedClock> = moved.collect();
    sequence::SPEND.fetch_in(transaction, &Sent::all(&moved), |_| Ok(())).await
}

type TaskStatement = LazyLock<Statement<WholeTask>>;

/// The tasks with these ids that exist.
static EXISTING: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    Statement::new(vec![OWNER, ID], |dialect, requests| {
        let mut existing = sequence::joined(dialect, requests, steps::is_named(dialect));
        existing.columns(read()).expr(task(Column::UserId));
        dialect.text(&existing)
    })
});

/// The images in the last deletions of the tasks with these ids, with their owners and numbers. A wiped image is not returned.
static DELETED_TASKS: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    Statement::new(vec![OWNER, ID], |dialect, requests| {
        use task_change::Column::{At, Kind, TaskId, Title, UserId};
        let of_change = |column| Expr::col((task_change::Entity, column));
        let last = Alias::new("last");
        let of_last = |column| Expr::col((last.clone(), column));
        let last_deletion = Query::select()
            .expr(of_last(At).max())
            .from_as(task_change::Entity, last.clone())
            .and_where(of_last(UserId).eq(dialect.owner()))
            .and_where(of_last(TaskId).eq(request(ID.name)))
            .and_where(of_last(Kind).eq(Expr::cust(DELETED.to_string())))
            .to_owned();
        let is_last = of_change(UserId)
            .eq(dialect.owner())
            .and(of_change(At).eq(Expr::SubQuery(None, Box::new(last_deletion.into()))));
        let mut deleted = Query::select();
        requests.join(&mut deleted, dialect, task_change::Entity, is_last);
        deleted
            .expr(of_change(TaskId))
            .exprs(IMAGE.map(|(_, kept, _)| of_change(kept)))
            .exprs([UserId, At].map(of_change))
            .and_where(of_change(Title).is_not_null());
        dialect.text(&deleted)
    })
});

/// The change of a restoration has no image, as that of a creation.
static LOG: TaskStatement = LazyLock::new(|| {
    let inputs = vec![
        text("user_id", |sent| Some(&sent.request.user_id)),
        Input { name: "id", value: InputValue::BigInt(|sent| Some(sent.request.task.id)) },
        Input { name: "at", value: InputValue::BigInt(|sent| Some(sent.turn.at)) },
        text("actor", |sent| sent.request.actor.as_deref()),
    ];
    Statement::insert(inputs, || {
        use task_change::Column::{Actor, At, Kind as KindColumn, TaskId, UserId};
        let columns = [(UserId, "user_id"), (At, "at"), (TaskId, "id"), (Actor, "actor")];
        let mut columns: Vec<_> =
            columns.into_iter().map(|(column, input)| (column.into_iden(), Cell::Input(input))).collect();
        columns.push((KindColumn.into_iden(), Cell::Constant(Kind::Restored.text())));
        Inserted { insert: Query::insert().into_table(task_change::Entity).to_owned(), columns }
    })
});

/// The statements, by name.
#[cfg(test)]
pub(super) fn texts() -> [crate::store::statement::Texts; 3] {
    [
        EXISTING.texts("existing", false, ""),
        DELETED_TASKS.texts("deleted", false, ""),
        LOG.texts("log_restored", false, ""),
    ]
}
