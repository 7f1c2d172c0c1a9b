//! Edits of many tasks of one owner. Each runs in steps of a bounded number of rows, so that no other write waits for long.

use std::time::{Duration, Instant};

use ::entity::task::{Column, Entity};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, LockType, Order, Query, SelectStatement};
use sea_orm::{DbBackend, QueryResult, Statement};

use super::steps::{HELD, Steps, Write};
use crate::db::Db;
use crate::model::{Filter, Position, Sort, Start, Status, now};
use crate::store::columns::{completed_at, time_of_write};
use crate::store::dialect::{Dialect, task};
use crate::store::request::BulkEdit;
use crate::store::{list, owned, row};
use crate::{Caller, Error};

/// The maximum number of rows of a step.
const STEP: u32 = 5000;
/// The least time that a step gets.
const LEAST_TIME: Duration = Duration::from_secs(1);

impl BulkEdit {
    /// Does the edit within `limit`, or as much of it as fits. Returns the number of tasks that were written, and whether the
    /// edit is complete. What was written stays written, and a repeated edit goes on.
    ///
    /// # Errors
    /// An error of the database before any task was written.
    pub(in crate::store) async fn run(self, db: &Db, caller: &Caller, limit: Duration) -> Result<(u64, bool), Error> {
        let ends = Instant::now() + limit;
        let mut written = 0;
        let mut after = None;
        loop {
            let step = async {
                let ids = self.next_ids(db, caller, after.as_ref(), left(ends)).await?;
                let count = if ids.is_empty() { 0 } else { self.write(db, caller, &ids, left(ends)).await? };
                Ok((ids, count))
            };
            let (ids, count): (Vec<(i64, Position)>, u64) = match step.await {
                Ok(done) => done,
                Err(error) if written == 0 => return Err(error),
                Err(_) => return Ok((written, false)),
            };
            written += count;
            let is_last = ids.len() < STEP as usize;
            if is_last && (self != Self::Erase || (ids.is_empty() && after.is_none())) {
                return Ok((written, true));
            }
            if Instant::now() >= ends {
                return Ok((written, false));
            }
            // The last step of an erasure begins at the start again: tasks may have been created since.
            after = if is_last { None } else { ids.into_iter().next_back().map(|(_, position)| position) };
        }
    }

    /// The tasks of the next step, which come behind `after` in the usual order. On SQLite they are read without the one
    /// connection that writes.
    async fn next_ids(
        self,
        db: &Db,
        caller: &Caller,
        after: Option<&Position>,
        limit: Duration,
    ) -> Result<Vec<(i64, Position)>, Error> {
        let status = match self {
            Self::CompleteAll => Status::Pending,
            Self::DeleteCompleted => Status::Completed,
            Self::Erase => Status::All,
        };
        let mut ids = owned::select_nothing(caller);
        ids.columns([Column::Id, Column::CreatedAt]);
        let filter = Filter { status, ..Filter::default() };
        let ids = list::finish(ids, &filter, &Sort::default(), STEP, Start::behind(after), db.backend());
        let push = |ids: &mut Vec<_>, row: QueryResult| {
            let (id, created_at) = row::number_and_time(&row)?;
            ids.push((id, Position::of_newest(created_at, id)));
            Ok(())
        };
        db.select(&ids, limit, push).await
    }

    /// Writes those of the tasks that are still to be written.
    async fn write(self, db: &Db, caller: &Caller, ids: &[(i64, Position)], limit: Duration) -> Result<u64, Error> {
        let ids: Vec<_> = ids.iter().map(|(id, _)| *id).collect();
        db.execute(&self.statement(caller, &ids, db.backend()), limit).await
    }

    /// `UPDATE task SET … WHERE id IN (…)` or `DELETE FROM task WHERE id IN (…)`. PostgreSQL locks the rows first, in the order of
    /// their ids, as every other write does.
    pub(in crate::store) fn statement(self, caller: &Caller, ids: &[i64], backend: DbBackend) -> Statement {
        let dialect = Dialect::of(backend);
        let steps = self.steps(dialect, self.held(dialect, caller, ids));
        steps.statement(backend)
    }

    /// The tasks with these ids that are still to be written.
    fn held(self, dialect: Dialect, caller: &Caller, ids: &[i64]) -> SelectStatement {
        let mut held = owned::select_nothing(caller);
        held.column((Entity, Column::Id)).and_where(task(Column::Id).in_subquery(dialect.ids(ids)));
        match self {
            Self::CompleteAll => _ = held.and_where(task(Column::Completed).eq(false)),
            Self::DeleteCompleted => _ = held.and_where(task(Column::Completed).eq(true)),
            Self::Erase => {}
        }
        if dialect == Dialect::Postgres {
            held.order_by((Entity, Column::Id), Order::Asc).lock_with_tables(LockType::Update, [Entity]);
        }
        held
    }

    fn steps(self, dialect: Dialect, held: SelectStatement) -> Steps {
        let (lock, found) = match dialect {
            Dialect::Postgres => (Some(held), Query::select().column(Column::Id).from(Alias::new(HELD)).to_owned()),
            Dialect::Sqlite => (None, held),
        };
        let is_found = task(Column::Id).in_subquery(found);
        let write = match self {
            Self::CompleteAll => {
                let now = time_of_write(dialect, Expr::val(now().fixed_offset()));
                let mut update = Query::update();
                update
                    .table(Entity)
                    .value(Column::Completed, true)
                    .value(Column::CompletedAt, completed_at(Expr::val(true), now.clone()))
                    .value(Column::UpdatedAt, now)
                    .and_where(is_found);
                Write::Update(update)
            }
            Self::DeleteCompleted | Self::Erase => {
                Write::Delete(Query::delete().from_table(Entity).and_where(is_found).to_owned())
            }
        };
        Steps { lock, write }
    }
}

fn left(ends: Instant) -> Duration {
    ends.saturating_duration_since(Instant::now()).max(LEAST_TIME)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use testing::{TestDatabase, on_both_databases, seed};

    use super::*;
    use crate::{DbConfig, UserId};

    #[on_both_databases]
    async fn a_bulk_edit_stops_at_its_limit_and_a_repeated_one_goes_on(database: TestDatabase) {
        let mine = [
            ("user_id", "CASE WHEN n <= 10001 THEN 'alice' ELSE 'bob' END"),
            ("title", "'t'"),
            ("title_folded", "'t'"),
        ];
        seed(&database.connect().await, 10_010, &mine).await;
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        for edit in [BulkEdit::CompleteAll, BulkEdit::DeleteCompleted] {
            assert_eq!(edit.run(&db, &alice, Duration::ZERO).await.unwrap(), (5000, false), "{edit:?}");
            assert_eq!(edit.run(&db, &alice, Duration::from_hours(1)).await.unwrap(), (5001, true), "{edit:?}");
            assert_eq!(edit.run(&db, &alice, Duration::ZERO).await.unwrap(), (0, true), "{edit:?}");
        }
        let bob = Caller::authenticated(UserId::parse("bob").unwrap());
        assert_eq!(BulkEdit::CompleteAll.run(&db, &bob, Duration::ZERO).await.unwrap(), (9, true));
    }

    #[on_both_databases]
    async fn an_erasure_takes_as_many_steps_as_it_needs(database: TestDatabase) {
        let mine = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
        seed(&database.connect().await, 10_000, &mine).await;
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let run = async |limit| BulkEdit::Erase.run(&db, &alice, limit).await.unwrap();
        assert_eq!(run(Duration::ZERO).await, (5000, false));
        assert_eq!(run(Duration::from_hours(1)).await, (5000, true));
        assert_eq!(run(Duration::ZERO).await, (0, true));
    }
}
