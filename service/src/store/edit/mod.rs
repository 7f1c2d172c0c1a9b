//! The one write path. Every write to one task is an [`Edit`](super::Edit), and [`Edits::run`] runs a batch of edits of one kind
//! as one statement. A write to many tasks is a [`BulkEdit`](super::BulkEdit), which `bulk.rs` does in steps.
//!
//! Each kind has a file that builds its [`Steps`](steps::Steps). PostgreSQL gets the steps as one statement. On SQLite every
//! kind has one step, because one connection does all writes and nothing needs to be locked.

mod bulk;
mod change;
mod create;
mod delete;
mod steps;

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbErr};

use super::columns::ReadPosition;
use super::growth::Growth;
use super::input::Sent;
use super::request::{EditKind, EditRequest};
use super::row::{AFTER_TASK, StoredRow};
use super::statement::{Scalar, Statement};
use crate::batch::{Batch, Operation};
use crate::db::Db;
use crate::model::{Task, now};
use crate::{Error, UserId};

/// The maximum number of edits in a batch.
const MAX_BATCH: usize = 256;
/// The time for which a batch waits for a row that another transaction has locked. After it each request is sent alone.
const BATCH_LOCK_TIMEOUT: &str = "1s";
/// The time for which one request waits for a locked row. It bounds how long after its caller has timed out a write can still be
/// done.
const SINGLE_LOCK_TIMEOUT: &str = "9s";

/// The task after a create or a change, or before a delete; `None` if the caller has no such task.
type Outcome = Option<Task>;

/// The edits of one kind.
#[derive(Debug)]
pub(super) struct Edits {
    pub(super) kind: EditKind,
    pub(super) growth: Arc<Growth>,
}

impl Operation for Edits {
    type Request = EditRequest;
    type Answer = Outcome;
    /// A statement can write a row only once. The owner is part of the key, so that requests of others for the same id do not
    /// delay those of the owner.
    type Key = (UserId, i64);

    fn max_batch(&self) -> usize {
        MAX_BATCH
    }

    fn key(request: &EditRequest) -> Option<Self::Key> {
        Some((request.caller.user_id().clone(), request.id?))
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        let (kind, count) = (self.kind, batch.requests.len());
        let batch = Arc::clone(batch);
        let now = now();
        db.write(async move |db| {
            let mut sent = Sent::all(&batch.requests, now);
            match kind {
                EditKind::Create => {
                    let place = |row: &dyn StoredRow| create::place(&sent, row);
                    returning(&create::STATEMENT, db, &batch, &sent, &[], place).await
                }
                EditKind::Change | EditKind::Delete => {
                    // Changes and deletes of every server lock rows in the order of their ids, so that two servers do not wait
                    // for each other.
                    sent.sort_unstable_by_key(|sent| sent.request.id_and_owner());
                    let lock_timeout = if count > 1 { BATCH_LOCK_TIMEOUT } else { SINGLE_LOCK_TIMEOUT };
                    let place = |row: &dyn StoredRow| place_by_id(&sent, row);
                    if kind == EditKind::Change {
                        let scalars = [Scalar::Time(now), Scalar::Text(lock_timeout)];
                        returning(&change::STATEMENT, db, &batch, &sent, &scalars, place).await
                    } else {
                        let scalars = [Scalar::Text(lock_timeout)];
                        returning(&delete::STATEMENT, db, &batch, &sent, &scalars, place).await
                    }
                }
            }
        })
        .await?;
        if kind == EditKind::Create {
            self.growth.add(db, count);
        }
        Ok(())
    }

    fn no_row(&self) -> Result<Outcome, Error> {
        match self.kind {
            EditKind::Create => Err(Error::Database(DbErr::RecordNotInserted.into())),
            _ => Ok(None),
        }
    }
}

/// Runs a statement that returns the rows that it wrote, and answers each request whose place `place` finds. All answers come
/// after the last row, because only the end of the rows shows that they are committed.
async fn returning(
    statement: &'static Statement<EditRequest>,
    db: &DatabaseConnection,
    batch: &Batch<Edits>,
    sent: &[Sent<'_, EditRequest>],
    scalars: &[Scalar],
    place: impl Fn(&dyn StoredRow) -> Result<Option<usize>, DbErr> + Send + Sync,
) -> Result<(), DbErr> {
    let mut written = Vec::with_capacity(sent.len());
    let keep = |row: &dyn StoredRow| {
        written.extend(place(row)?.map(|place| (place, row.task())));
        Ok(())
    };
    statement.fetch(db, batch, sent, scalars, keep).await?;
    for (place, task) in written {
        batch.answer(place, task.map(Some).map_err(|error| Error::Database(error.into())));
    }
    Ok(())
}

/// The place of the request whose id and owner a row has.
fn place_by_id(sent: &[Sent<'_, EditRequest>], row: &dyn StoredRow) -> Result<Option<usize>, DbErr> {
    let id_and_owner = (Some(row.number(ReadPosition::Id as usize)?), row.text(AFTER_TASK)?);
    let found = sent.binary_search_by_key(&id_and_owner, |sent| sent.request.id_and_owner());
    Ok(found.ok().map(|found| sent[found].place))
}

#[cfg(test)]
pub(super) mod texts {
    use super::*;

    /// The statements of edits that look up rows, by name.
    pub(in crate::store) fn lookups() -> [(&'static str, &'static Statement<EditRequest>); 2] {
        [("change", &change::STATEMENT), ("delete", &delete::STATEMENT)]
    }

    /// The statement of new tasks.
    pub(in crate::store) fn create() -> &'static Statement<EditRequest> {
        &create::STATEMENT
    }
}
