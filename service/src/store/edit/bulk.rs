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
use crate::store::{Cost, Store, list, owned, row};
use crate::{Caller, Error};

/// The maximum number of rows of a step.
const STEP: u32 = 5000;
/// The time after which a bulk edit begins no further step.
const EDIT_TIME: Duration = Duration::from_secs(10);
/// The least time that a statement of a step gets.
const LEAST_TIME: Duration = Duration::from_secs(1);

impl Store {
    /// Writes many tasks of the caller. Returns their number, and whether all of them are written: the time for it is limited,
    /// and a repeated edit goes on.
    ///
    /// # Errors
    /// [`Error::Busy`], or an error of the database, before any task was written.
    pub(crate) async fn edit_all(&self, caller: &Caller, edit: BulkEdit) -> Result<(u64, bool), Error> {
        self.edit_within(caller, edit, EDIT_TIME).await
    }

    /// Does the first step, and further ones until `limit`.
    async fn edit_within(&self, caller: &Caller, edit: BulkEdit, limit: Duration) -> Result<(u64, bool), Error> {
        let ends = Instant::now() + limit;
        let (mut written, mut start) = (0, Some(None));
        while let Some(from) = start {
            if written > 0 && Instant::now() >= ends {
                return Ok((written, false));
            }
            // Each step waits for a place of its own, so that a long edit does not keep others from their turns.
            let step = |db: Db, limit| {
                let (caller, from) = (caller.clone(), from.clone());
                async move { edit.step(&db, &caller, from, limit).await }
            };
            match self.alone(caller, Cost::Heavy, step).await {
                Ok(step) => {
                    written += step.written;
                    start = step.next;
                }
                Err(error) if written == 0 => return Err(error),
                Err(_) => return Ok((written, false)),
            }
        }
        Ok((written, true))
    }
}

/// A step that was done.
pub(in crate::store) struct Step {
    /// The number of tasks that were written.
    pub(in crate::store) written: u64,
    /// Where the next step begins. `None` if the edit is complete.
    pub(in crate::store) next: Option<NextStep>,
}

/// Where a step begins: behind a position in the usual order, or at the beginning.
pub(in crate::store) type NextStep = Option<Position>;

impl BulkEdit {
    /// Does the step that begins at `start`, within `limit`.
    pub(in crate::store) async fn step(
        self,
        db: &Db,
        caller: &Caller,
        start: NextStep,
        limit: Duration,
    ) -> Result<Step, Error> {
        let ends = Instant::now() + limit;
        let left = || ends.saturating_duration_since(Instant::now()).max(LEAST_TIME);
        let ids = self.next_ids(db, caller, start.as_ref(), left()).await?;
        let written = if ids.is_empty() { 0 } else { self.write(db, caller, &ids, left()).await? };
        let is_last = ids.len() < STEP as usize;
        let next = match ids.into_iter().next_back() {
            Some((_, position)) if !is_last => Some(Some(position)),
            // An erasure ends with a look from the beginning: tasks may have been created since.
            _ if self == Self::Erase && (written > 0 || start.is_some()) => Some(None),
            _ => None,
        };
        Ok(Step { written, next })
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

    /// `UPDATE task SET … WHERE id IN (…)` or `DELETE FROM task WHERE id IN (…)`. PostgreSQL locks the rows first, in the order
    /// of their ids, as every other write does.
    pub(in crate::store) fn statement(self, caller: &Caller, ids: &[i64], backend: DbBackend) -> Statement {
        let dialect = Dialect::of(backend);
        let steps = self.steps(dialect, self.held(dialect, caller, ids));
        steps.statement(backend)
    }

    /// The tasks with these ids that are still to be written.
    fn held(self, dialect: Dialect, caller: &Caller, ids: &[i64]) -> SelectStatement {
        let mut held = owned::select_nothing_by_id(caller);
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use testing::{TestDatabase, on_both_databases, seed};

    use super::*;
    use crate::{DbConfig, UserId};

    async fn steps(db: &Db, caller: &Caller, edit: BulkEdit) -> Vec<u64> {
        let (mut written, mut start) = (Vec::new(), Some(None));
        while let Some(from) = start {
            let step = edit.step(db, caller, from, Duration::from_hours(1)).await.unwrap();
            written.push(step.written);
            start = step.next;
        }
        written
    }

    #[on_both_databases]
    async fn a_bulk_edit_takes_as_many_steps_as_it_needs(database: TestDatabase) {
        let mine = [
            ("user_id", "CASE WHEN n <= 10001 THEN 'alice' ELSE 'bob' END"),
            ("title", "'t'"),
            ("title_folded", "'t'"),
        ];
        seed(&database.connect().await, 10_010, &mine).await;
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let [alice, bob] = ["alice", "bob"].map(|name| Caller::authenticated(UserId::parse(name).unwrap()));
        for edit in [BulkEdit::CompleteAll, BulkEdit::DeleteCompleted] {
            assert_eq!(steps(&db, &alice, edit).await, [5000, 5000, 1], "{edit:?}");
            assert_eq!(steps(&db, &alice, edit).await, [0], "{edit:?}");
        }
        assert_eq!(steps(&db, &bob, BulkEdit::CompleteAll).await, [9]);
        // An erasure looks once more from the beginning.
        assert_eq!(steps(&db, &bob, BulkEdit::Erase).await, [9, 0]);
    }

    #[on_both_databases]
    async fn a_bulk_edit_stops_at_its_limit_and_a_repeated_one_goes_on(database: TestDatabase) {
        let mine = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
        seed(&database.connect().await, 10_001, &mine).await;
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let edit = async |edit, limit| store.edit_within(&alice, edit, limit).await.unwrap();
        for bulk in [BulkEdit::CompleteAll, BulkEdit::Erase] {
            assert_eq!(edit(bulk, Duration::ZERO).await, (5000, false), "{bulk:?}");
            assert_eq!(edit(bulk, Duration::from_hours(1)).await, (5001, true), "{bulk:?}");
            assert_eq!(edit(bulk, Duration::ZERO).await, (0, true), "{bulk:?}");
        }
    }

    /// Statistics that are older than the rows of an owner, as in the first minutes after many creates.
    #[on_both_databases]
    async fn rows_are_found_by_their_ids_even_if_postgresql_takes_their_owner_for_a_small_one(database: TestDatabase) {
        let connection = database.connect().await;
        let of = |owner| [("user_id", owner), ("title", "'t'"), ("title_folded", "'t'")];
        seed(&connection, 50_000, &of("'user ' || n")).await;
        testing::analyze(&connection).await;
        seed(&connection, 5000, &of("'alice'")).await;
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let backend = testing::ConnectionTrait::get_database_backend(&connection);
        let (explain, column) = match backend {
            DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
            _ => ("EXPLAIN", "QUERY PLAN"),
        };
        let ids: Vec<i64> = (50_001..=55_000).collect();
        let mut statement = BulkEdit::CompleteAll.statement(&alice, &ids, backend);
        statement.sql = format!("{explain} {}", statement.sql);
        let rows = testing::ConnectionTrait::query_all_raw(&connection, statement).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("user_id_") && !plan.contains("Seq Scan"), "{plan}");
    }
}
