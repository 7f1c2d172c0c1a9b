//! The remembered outcomes of requests that have an idempotency key.
//!
//! A key is claimed in the transaction that does its request, after its owner is locked. So of two requests with one key the
//! second one waits for the first, and then finds the key.

use std::sync::{Arc, LazyLock};

use ::entity::task_request::{Column, Entity};
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, OnConflict, Query};
use sea_orm::{DbErr, IdenStatic};

use super::Store;
use super::columns::IMAGE;
use super::dialect::request;
use super::image::{self, HasImage};
use super::input::{Input, InputValue, Sent};
use super::request::EditRequest;
use super::row::{AFTER_TASK, StoredRow};
use super::statement::{Cell, Inserted, Statement};
use crate::batch::{Batch, Operation};
use crate::db::{Db, Transaction};
use crate::model::{IdempotencyKey, Task, now};
use crate::{Caller, Error, UserId};

/// The outcome of a request, as its key remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// The task as it was after the request, or before it was deleted.
    Task(Task),
    /// The number of tasks that an edit of many tasks has written.
    Count(u64),
    /// The number so far, of an edit of many tasks that has not ended.
    CountSoFar(u64),
}

impl Remembered {
    /// The outcome whose number is stored. A negative number is that of an edit that has not ended.
    fn of_count(stored: i64) -> Self {
        match u64::try_from(stored) {
            Ok(count) => Self::Count(count),
            Err(_) => Self::CountSoFar(u64::try_from(-1 - stored).unwrap_or_default()),
        }
    }

    /// The number as it is stored.
    fn count(&self) -> Option<i64> {
        match self {
            Self::Task(_) => None,
            Self::Count(count) => i64::try_from(*count).ok(),
            Self::CountSoFar(count) => i64::try_from(*count).ok().map(|count| -1 - count),
        }
    }
}

/// A request that was done with a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyedRequest {
    pub(super) fingerprint: String,
    pub(super) outcome: Remembered,
}

impl KeyedRequest {
    /// The outcome, if the request is the same.
    ///
    /// # Errors
    /// [`Error::KeyReused`] if it is a different one.
    pub(crate) fn outcome_of(self, key: &IdempotencyKey) -> Result<Remembered, Error> {
        if self.fingerprint == key.fingerprint() { Ok(self.outcome) } else { Err(Error::KeyReused) }
    }

    /// Reads a row of [`FIND`].
    fn of_row(row: &dyn StoredRow) -> Result<Self, DbErr> {
        let outcome = match row.optional_number(COUNT)? {
            Some(count) => Remembered::of_count(count),
            None => Remembered::Task(row.task()?),
        };
        Ok(Self { fingerprint: row.text(FINGERPRINT)?.to_owned(), outcome })
    }
}

impl Store {
    /// Reads the outcome of a request of the caller that was done with this key.
    pub(crate) async fn remembered(&self, caller: &Caller, key: &IdempotencyKey) -> Result<Option<Remembered>, Error> {
        let remembered = self.queues.key.ask((caller.clone(), key.clone())).await?;
        remembered.map(|remembered| remembered.outcome_of(key)).transpose()
    }
}

/// A key, and the user to whom it belongs.
pub(super) type KeyOfCaller = (Caller, IdempotencyKey);

/// The positions of the columns behind those of the task.
const PLACE: usize = AFTER_TASK;
const FINGERPRINT: usize = AFTER_TASK + 1;
const COUNT: usize = AFTER_TASK + 2;

/// `SELECT … FROM (…) AS request JOIN task_request ON …`.
pub(super) static FIND: LazyLock<Statement<KeyOfCaller>> = LazyLock::new(|| {
    let inputs: Vec<Input<KeyOfCaller>> = vec![
        Input { name: "user_id", value: InputValue::Text(|sent| Some(sent.request.0.user_id().as_str())) },
        Input { name: "key", value: InputValue::Text(|sent| Some(sent.request.1.as_str())) },
        Input { name: "place", value: InputValue::BigInt(|sent| i64::try_from(sent.place).ok()) },
    ];
    Statement::new(inputs, |dialect, requests| {
        let stored = |column| Expr::col((Entity, column));
        let mut select = Query::select();
        select
            .expr(stored(Column::TaskId))
            .exprs(IMAGE.map(|(.., kept)| stored(kept)))
            .expr(request("place"))
            .exprs([Column::Fingerprint, Column::Count].map(stored));
        let is_named = stored(Column::UserId).eq(dialect.owner()).and(stored(Column::Key).eq(request("key")));
        requests.join(&mut select, dialect, Entity, is_named);
        dialect.text(&select)
    })
});

/// The place of the request for which [`FIND`] has returned a row.
pub(super) fn place_of(row: &dyn StoredRow) -> Result<usize, DbErr> {
    Ok(usize::try_from(row.number(PLACE)?).unwrap_or(usize::MAX))
}

/// Reads the request that was done with a key.
#[derive(Debug)]
pub(super) struct FindKey;

impl Operation for FindKey {
    type Request = KeyOfCaller;
    type Answer = Option<KeyedRequest>;
    type Key = UserId;

    fn max_batch(&self) -> usize {
        256
    }

    fn key((caller, _): &KeyOfCaller) -> Option<UserId> {
        Some(caller.user_id().clone())
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        let batch = Arc::clone(batch);
        db.read(async move |db| {
            let answer = |row: &dyn StoredRow| {
                batch.answer(
                    place_of(row)?,
                    KeyedRequest::of_row(row).map(Some).map_err(|error| Error::Database(error.into())),
                );
                Ok(())
            };
            FIND.fetch(db, &batch, &Sent::all(&batch.requests), &[], answer).await
        })
        .await
    }

    fn no_row(&self) -> Result<Option<KeyedRequest>, Error> {
        Ok(None)
    }
}

/// Reads the requests that were done with these keys, within a transaction that holds their owners. Returns the places of those
/// that it finds.
pub(super) async fn find_in(
    transaction: &mut Transaction,
    keys: &[KeyOfCaller],
) -> Result<Vec<(usize, KeyedRequest)>, DbErr> {
    let mut found = Vec::new();
    let keep = |row: &dyn StoredRow| {
        found.push((place_of(row)?, KeyedRequest::of_row(row)?));
        Ok(())
    };
    FIND.fetch_in(transaction, &Sent::all(keys), keep).await?;
    Ok(found)
}

/// A key that is claimed, and what it remembers.
#[derive(Debug)]
pub(super) struct Claim {
    caller: Caller,
    key: IdempotencyKey,
    /// The time of the claim, in microseconds.
    at: i64,
    outcome: Remembered,
}

impl Claim {
    /// The claim of a request that has written a task, if it has a key.
    pub(super) fn of(request: &EditRequest, at: i64, task: &Task) -> Option<Self> {
        let (caller, key) = (request.caller.clone(), request.key.clone()?);
        Some(Self { caller, key, at, outcome: Remembered::Task(task.clone()) })
    }

    fn task(&self) -> Option<&Task> {
        match &self.outcome {
            Remembered::Task(task) => Some(task),
            Remembered::Count(_) | Remembered::CountSoFar(_) => None,
        }
    }
}

/// A claim with the stored texts of its task's tags and schedule.
type ClaimWithTexts = (Claim, [Option<String>; 2]);

/// `INSERT INTO task_request (…) SELECT … FROM (…) AS request ON CONFLICT (user_id, key) DO UPDATE …`. Only an edit of many tasks
/// finds its own key, after each of its steps but the first.
pub(super) static CLAIM: LazyLock<Statement<ClaimWithTexts>> = LazyLock::new(|| {
    fn claim<'a>(sent: &Sent<'a, ClaimWithTexts>) -> &'a Claim {
        &sent.request.0
    }
    let mut inputs: Vec<Input<ClaimWithTexts>> = vec![
        Input { name: "user_id", value: InputValue::Text(|sent| Some(claim(sent).caller.user_id().as_str())) },
        Input { name: "key", value: InputValue::Text(|sent| Some(claim(sent).key.as_str())) },
        Input { name: "at", value: InputValue::BigInt(|sent| Some(claim(sent).at)) },
        Input { name: "fingerprint", value: InputValue::Text(|sent| Some(claim(sent).key.fingerprint())) },
        Input { name: "count", value: InputValue::BigInt(|sent| claim(sent).outcome.count()) },
        Input { name: "task_id", value: InputValue::BigInt(|sent| Some(claim(sent).task()?.id)) },
    ];
    inputs.extend(image::inputs());
    Statement::insert(inputs, || {
        let fixed = [Column::UserId, Column::Key, Column::At, Column::Fingerprint, Column::Count, Column::TaskId];
        let fixed = fixed.into_iter().map(|column| (column.into_iden(), Cell::Input(column.as_str())));
        let image = IMAGE.iter().map(|(.., kept)| kept.into_iden()).zip(image::cells::<ClaimWithTexts>());
        let mut key = OnConflict::columns([Column::UserId, Column::Key]);
        key.update_columns([Column::At, Column::Count]);
        Inserted {
            insert: Query::insert().into_table(Entity).on_conflict(key).to_owned(),
            columns: fixed.chain(image).collect(),
        }
    })
});

impl HasImage for ClaimWithTexts {
    fn image(&self) -> Option<&Task> {
        self.0.task()
    }

    fn tags(&self) -> Option<&str> {
        self.1[0].as_deref()
    }

    fn schedule(&self) -> Option<&str> {
        self.1[1].as_deref()
    }
}

/// Claims keys in the transaction that has done their requests. None of them may be claimed by another request.
pub(super) async fn claim_in(transaction: &mut Transaction, claims: Vec<Claim>) -> Result<(), DbErr> {
    if claims.is_empty() {
        return Ok(());
    }
    let with_texts = claims.into_iter().map(|claim| {
        let tags = claim.task().map(|task| task.tags.to_stored());
        let schedule = claim.task().and_then(|task| Some(task.schedule.as_ref()?.to_stored()));
        (claim, [tags, schedule])
    });
    let claims: Vec<ClaimWithTexts> = with_texts.collect();
    CLAIM.fetch_in(transaction, &Sent::all(&claims), |_| Ok(())).await
}

/// How far an edit of many tasks with a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// No step of it was done, or it has no key.
    New,
    /// The steps before have written this number of tasks.
    Begun(u64),
    /// It is done, and has written this number of tasks.
    Done(u64),
}

/// Reads how far an edit of many tasks is, in a transaction that holds the owner. The inner result is [`Error::KeyReused`] if the
/// key was used for something else.
pub(super) async fn progress_in(
    transaction: &mut Transaction,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
) -> Result<Result<Progress, Error>, DbErr> {
    let Some(key) = key else { return Ok(Ok(Progress::New)) };
    let Some((_, done)) = find_in(transaction, &[(caller.clone(), key.clone())]).await?.pop() else {
        return Ok(Ok(Progress::New));
    };
    Ok(done.outcome_of(key).and_then(|outcome| match outcome {
        Remembered::Count(count) => Ok(Progress::Done(count)),
        Remembered::CountSoFar(count) => Ok(Progress::Begun(count)),
        Remembered::Task(_) => Err(Error::KeyReused),
    }))
}

/// Remembers the number of tasks that an edit of many tasks has written in all of its steps, in the transaction of the last one
/// of them. An edit that has written none claims no key.
pub(super) async fn keep_progress_in(
    transaction: &mut Transaction,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    count: u64,
    is_done: bool,
) -> Result<(), DbErr> {
    let Some(key) = key.filter(|_| count > 0) else { return Ok(()) };
    let outcome = if is_done { Remembered::Count(count) } else { Remembered::CountSoFar(count) };
    let claim = Claim { caller: caller.clone(), key: key.clone(), at: now().timestamp_micros(), outcome };
    claim_in(transaction, vec![claim]).await
}

#[cfg(test)]
pub(super) fn texts() -> [super::statement::Texts; 2] {
    [FIND.texts("key", false, ""), CLAIM.texts("create_key", false, "")]
}
