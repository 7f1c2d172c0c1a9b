//! Edits of many tasks of one owner. Up to 10,000 tasks are one transaction. More are done in steps of a bounded number of
//! rows, so that no other write waits for long. A step also ends if the rules of its tasks take long to compute: SQLite has one
//! writer, for which all users wait.

use std::collections::HashSet;
use std::iter;
use std::mem::take;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::entity::task::Column;
use ::entity::{task, task_change, task_owner, task_reminder, task_request};
use sea_orm::sea_query::{Alias, DeleteStatement, Expr, ExprTrait, Order, Query};
use sea_orm::{DbErr, EntityTrait, Iden};

use super::held;
use super::scheduled::{self, ScheduledRequest};
use super::sequence::{self, Clock};
use crate::batch::Holds;
use crate::db::{Db, Transaction};
use crate::model::{
    Change, Changes, Conditions, Filter, IdempotencyKey, Position, Precondition, ScheduledEdit, Sort, Start, Status,
    Written, now,
};
use crate::store::dialect::{self, Dialect};
use crate::store::input::Sent;
use crate::store::keys::{self, Progress};
use crate::store::request::{BulkEdit, EditKind, EditRequest};
use crate::store::{Cost, Store, list, owned, row};
use crate::{Caller, Error, Stale, UserId};

/// The maximum number of tasks that are written in one transaction.
const MAX_AT_ONCE: usize = 10_000;
/// The maximum number of rows of a step, if there are more tasks.
const STEP: usize = 5000;
/// The maximum number of changes, and of keys, that a step of an erasure deletes.
const STEP_OF_ROWS: u64 = 20_000;
/// The maximum number of tasks with a schedule that are read and written at once.
const STEP_OF_SCHEDULED: usize = 500;
/// The number of those that are written first in a step. Each time twice as many follow, so that a step with slow rules soon
/// notices.
const FIRST_OF_SCHEDULED: usize = 10;
/// The number of steps of rules after which a step of an edit ends: those of 100 rules that are made to be slow, about 0.1 s. It takes
/// at most about twice as many.
const MAX_RULE_STEPS: u64 = 10_000_000;
/// The time after which a bulk edit begins no further step.
pub(super) const EDIT_TIME: Duration = Duration::from_secs(10);

impl Store {
    /// Writes many tasks of the caller. Returns their number, and whether all of them are written: the time for it is limited,
    /// and a repeated edit goes on. The precondition is one on the owner's clock before the first step. The key remembers the
    /// number of tasks that all steps have written, also those of a request with the key that did not come to the end: this one
    /// then goes on, and its precondition was judged.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::KeyReused`], [`Error::Stale`] or an error of the database, before any task was written.
    pub(crate) async fn edit_all(
        &self,
        caller: &Caller,
        edit: BulkEdit,
        conditions: Conditions,
    ) -> Result<(Written<u64>, bool), Error> {
        self.edit_within(caller, edit, conditions, EDIT_TIME).await
    }

    /// Does the first step, and further ones until `limit`.
    async fn edit_within(
        &self,
        caller: &Caller,
        edit: BulkEdit,
        conditions: Conditions,
        limit: Duration,
    ) -> Result<(Written<u64>, bool), Error> {
        let Conditions { mut precondition, key } = conditions;
        let ends = Instant::now() + limit;
        let (mut written, mut next, mut has_begun) = (0, Next::Beginning, false);
        loop {
            let after = match next {
                Next::Beginning => None,
                Next::Behind(position) => Some(position),
                Next::Nowhere => return Ok((Written::now(written), true)),
            };
            if has_begun && Instant::now() >= ends {
                return Ok((Written::now(written), false));
            }
            // Each step waits for a place of its own, so that a long edit does not keep others from their turns.
            let precondition = take(&mut precondition);
            let step = Step {
                caller: caller.clone(),
                edit,
                after,
                precondition,
                key: key.clone(),
                before: written,
                max_tasks: self.shared.max_tasks,
                max_rule_steps: MAX_RULE_STEPS,
            };
            let work = |db: Db, limit| {
                let (step, holds) = (step.clone(), Arc::clone(&self.shared.holds));
                async move { step.run(&db, &holds, limit).await }
            };
            match self.alone(caller, Cost::Heavy, work).await {
                Ok(Done::Replay(count)) => return Ok((Written::before(count), true)),
                Ok(Done::Now { total, next: next_step }) => {
                    self.listeners().wrote(iter::once(caller.user_id()));
                    written = total;
                    next = next_step;
                    // Also if it has written no task: an erasure can have very many changes to delete.
                    has_begun = true;
                }
                Err(error) if written == 0 => return Err(error),
                Err(_) => return Ok((Written::now(written), false)),
            }
        }
    }
}

/// A step of a bulk edit.
#[derive(Clone, Debug)]
struct Step {
    caller: Caller,
    edit: BulkEdit,
    /// The position in the usual order behind which the step begins. `None` for the beginning.
    after: Option<Position>,
    /// It counts for the first step only.
    precondition: Precondition,
    /// The key of the whole edit.
    key: Option<IdempotencyKey>,
    /// The number of tasks that the steps before have written.
    before: u64,
    /// The maximum number of tasks of a user.
    max_tasks: i64,
    /// The number of steps of rules after which it ends.
    max_rule_steps: u64,
}

/// Where the next step begins.
#[derive(Clone, Debug)]
enum Next {
    /// At the beginning of the list.
    Beginning,
    /// Behind this position.
    Behind(Position),
    /// There is none, because the edit is complete.
    Nowhere,
}

/// A step that was done.
enum Done {
    Now {
        /// The number of tasks that this step and those before have written.
        total: u64,
        next: Next,
    },
    /// The whole edit was done before, and has written this number of tasks.
    Replay(u64),
}

impl Step {
    async fn run(self, db: &Db, holds: &Arc<Holds<UserId>>, limit: Duration) -> Result<Done, Error> {
        let step = Arc::new(self);
        held::transact(db, holds, &step.caller, limit, |transaction| Arc::clone(&step).run_in(transaction)).await
    }

    /// The outer result is that of the database.
    async fn run_in(self: Arc<Self>, mut transaction: Transaction) -> Result<Result<Done, Error>, DbErr> {
        let clock = held::lock(&mut transaction, &self.caller).await?;
        let before = match keys::progress_in(&mut transaction, &self.caller, self.key.as_ref()).await? {
            Ok(Progress::New) => self.before,
            Ok(Progress::Begun(before)) => before,
            Ok(Progress::Done(count)) => return Ok(Ok(Done::Replay(count))),
            Err(error) => return Ok(Err(error)),
        };
        let state = clock.map_or(0, |clock| clock.last);
        if before == 0 && !self.precondition.holds(state) {
            return Ok(Err(Error::Stale(Box::new(Stale::of_list(state)))));
        }
        let Some(clock) = clock else { return Ok(Ok(Done::Now { total: before, next: Next::Nowhere })) };
        let mut tasks = self.next_tasks(&mut transaction).await?;
        let is_last = tasks.len() <= MAX_AT_ONCE;
        if !is_last {
            tasks.truncate(STEP);
        }
        let next = match tasks.last().filter(|_| !is_last) {
            Some((_, position)) => Next::Behind(position.clone()),
            None => Next::Nowhere,
        };
        let (written, stopped) = match self.edit {
            BulkEdit::CompleteAll => {
                let changes = Changes { completed: Change::To(true), ..Changes::default() };
                self.write(&mut transaction, EditKind::Change, &changes, &tasks).await?
            }
            BulkEdit::DeleteCompleted => {
                self.write(&mut transaction, EditKind::Delete, &Changes::default(), &tasks).await?
            }
            BulkEdit::Erase => {
                let done = self.erase(&mut transaction, &tasks, clock, is_last).await?;
                transaction.commit().await?;
                return Ok(Ok(done));
            }
        };
        let (total, is_last) = (before + written, is_last && stopped.is_none());
        let next = stopped.map_or(next, Next::Behind);
        keys::keep_progress_in(&mut transaction, &self.caller, self.key.as_ref(), total, is_last).await?;
        transaction.commit().await?;
        Ok(Ok(Done::Now { total, next }))
    }

    /// The tasks that are still to be written, in the usual order: one more than can be written at once, if there are more.
    async fn next_tasks(&self, transaction: &mut Transaction) -> Result<Vec<(i64, Position)>, DbErr> {
        let status = match self.edit {
            BulkEdit::CompleteAll => Status::Pending,
            BulkEdit::DeleteCompleted => Status::Completed,
            BulkEdit::Erase => Status::All,
        };
        let mut ids = owned::select_nothing(&self.caller);
        ids.columns([Column::Id, Column::CreatedAt]);
        let filter = Filter { status, ..Filter::default() };
        let (most, start) = (u32::try_from(MAX_AT_ONCE + 1).unwrap_or(u32::MAX), Start::behind(self.after.as_ref()));
        let ids = list::finish(ids, &filter, &Sort::default(), most, start, Dialect::of_transaction(transaction));
        let rows = transaction.rows(&ids).await?;
        let position = |row| {
            let (id, created_at) = row::number_and_time(row)?;
            Ok((id, Position::of_newest(created_at, id)))
        };
        rows.iter().map(position).collect()
    }

    /// Writes these tasks, in the steps in which a batch does. Returns their number, and the position behind which tasks are left
    /// because the rules took long. Of the tasks behind it, those without a schedule can be written.
    async fn write(
        &self,
        transaction: &mut Transaction,
        kind: EditKind,
        changes: &Changes,
        tasks: &[(i64, Position)],
    ) -> Result<(u64, Option<Position>), DbErr> {
        let request = |(id, _): &(i64, Position)| EditRequest::of(self.caller.clone(), Some(*id), changes.clone());
        let (mut written, mut rule_steps) = (0, 0);
        for part in tasks.chunks(STEP) {
            let requests: Vec<EditRequest> = part.iter().map(request).collect();
            let sent = Sent::all(&requests);
            let mut clocks = sequence::hold(transaction, &sent[..1]).await?;
            let now = now().timestamp_micros();
            let done = sequence::run(transaction, kind, sent, &mut clocks, now, i64::MAX).await?;
            written += done.len() as u64;
            if kind == EditKind::Change && done.len() < requests.len() {
                let (count, stopped) =
                    self.write_scheduled(transaction, changes, requests, &done, &mut rule_steps).await?;
                written += count;
                if let Some((_, position)) = part.iter().find(|(id, _)| stopped == Some(*id)) {
                    return Ok((written, Some(position.clone())));
                }
            }
        }
        Ok((written, None))
    }

    /// Changes the tasks that the plain statement has left out, because they have a schedule. An occurrence whose next one would be
    /// one task too many stays as it is. Returns the number of tasks, and the last one if the rules took long and it ended there.
    async fn write_scheduled(
        &self,
        transaction: &mut Transaction,
        changes: &Changes,
        requests: Vec<EditRequest>,
        done: &sequence::Done,
        rule_steps: &mut u64,
    ) -> Result<(u64, Option<i64>), DbErr> {
        let done: HashSet<usize> = done.iter().map(|(place, _)| *place).collect();
        let rest = requests.into_iter().enumerate().filter(|(place, _)| !done.contains(place));
        let scheduled = |(_, request): (usize, EditRequest)| ScheduledRequest {
            request: EditRequest { changes: changes.clone(), ..request },
            edit: ScheduledEdit::Change,
        };
        let rest: Vec<ScheduledRequest> = rest.map(scheduled).collect();
        let (mut written, mut left, mut size) = (0, &rest[..], FIRST_OF_SCHEDULED);
        while !left.is_empty() {
            let (part, behind) = left.split_at(size.min(left.len()));
            let mut clocks = sequence::hold(transaction, &scheduled::sent(&part[..1])).await?;
            let done = scheduled::run_in(transaction, part, &mut clocks, self.max_tasks).await?;
            written += done.answers.iter().filter(|(_, answer)| answer.is_ok()).count() as u64;
            *rule_steps += done.steps;
            if *rule_steps >= self.max_rule_steps {
                return Ok((written, part.last().and_then(|last| last.request.id)));
            }
            (left, size) = (behind, (size * 2).min(STEP_OF_SCHEDULED));
        }
        Ok((written, None))
    }

    /// Deletes these tasks without a trace. In the last step it deletes everything else of the owner too.
    async fn erase(
        &self,
        transaction: &mut Transaction,
        tasks: &[(i64, Position)],
        clock: Clock,
        is_last: bool,
    ) -> Result<Done, DbErr> {
        use task_change::Column as Change;
        use task_reminder::Column as Reminder;
        use task_request::Column as Request;
        let user = self.caller.user_id().as_str();
        let (backend, dialect) = (transaction.backend(), Dialect::of_transaction(transaction));
        let ids: Vec<i64> = tasks.iter().map(|(id, _)| *id).collect();
        let mut delete = Query::delete();
        delete.from_table(task::Entity).and_where(owned::is_owner_by_id(&self.caller, dialect));
        delete.and_where(dialect::task(Column::Id).in_subquery(dialect.ids(&ids)));
        let written = transaction.execute(&backend.build(&delete)).await?;
        let has_more = !is_last
            || self.erase_some::<task_change::Entity>(transaction, [Change::UserId, Change::At]).await?
            || self.erase_some::<task_request::Entity>(transaction, [Request::UserId, Request::Key]).await?
            || self.erase_some::<task_reminder::Entity>(transaction, [Reminder::UserId, Reminder::TaskId]).await?;
        if has_more {
            // The log does not have these deletes, so replicas must begin anew.
            let number = clock.after(now().timestamp_micros());
            let tasks = clock.tasks - i64::try_from(written).unwrap_or_default();
            let rest = Query::update()
                .table(task_owner::Entity)
                .values([
                    (task_owner::Column::Clock, number.into()),
                    (task_owner::Column::Begin, number.into()),
                    (task_owner::Column::Tasks, tasks.into()),
                ])
                .and_where(Expr::col(task_owner::Column::UserId).eq(user))
                .to_owned();
            transaction.execute(&backend.build(&rest)).await?;
            return Ok(Done::Now { total: self.before + written, next: Next::Beginning });
        }
        let rest = of_owner::<task_owner::Entity>(task_owner::Column::UserId, user);
        transaction.execute(&backend.build(&rest)).await?;
        Ok(Done::Now { total: self.before + written, next: Next::Nowhere })
    }

    /// Deletes the first rows of the owner in the order of a column, up to a maximum. Returns whether there may be more.
    async fn erase_some<E: EntityTrait>(
        &self,
        transaction: &mut Transaction,
        [user_id, position]: [E::Column; 2],
    ) -> Result<bool, DbErr> {
        let user = self.caller.user_id().as_str();
        let first = Query::select()
            .column(position)
            .from(E::default())
            .and_where(Expr::col(user_id).eq(user))
            .order_by(position, Order::Asc)
            .limit(STEP_OF_ROWS)
            .to_owned();
        let last = Query::select().expr(Expr::col(position).max()).from_subquery(first, Alias::new("first")).to_owned();
        let mut delete = of_owner::<E>(user_id, user);
        // Not IN: PostgreSQL may compare each row with each.
        delete.and_where(Expr::col(position).lte(Expr::SubQuery(None, Box::new(last.into()))));
        Ok(transaction.execute(&transaction.backend().build(&delete)).await? >= STEP_OF_ROWS)
    }
}

/// `DELETE FROM … WHERE user_id = …`.
fn of_owner<E: EntityTrait>(column: impl Iden + Copy + 'static, user: &str) -> DeleteStatement {
    Query::delete().from_table(E::default()).and_where(Expr::col(column).eq(user)).to_owned()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use testing::{TestDatabase, on_both_databases, seed};

    use super::super::scheduled::tests::{STEPS_OF_SLOW_RULE, create_slow};
    use super::*;
    use crate::model::{NewTask, Title};
    use crate::{DbConfig, UserId};

    async fn steps(db: &Db, caller: &Caller, edit: BulkEdit) -> Vec<u64> {
        let (mut written, mut next) = (Vec::new(), Next::Beginning);
        loop {
            let after = match next {
                Next::Beginning => None,
                Next::Behind(position) => Some(position),
                Next::Nowhere => return written,
            };
            let step = Step {
                caller: caller.clone(),
                edit,
                after,
                precondition: Precondition::Exists,
                key: None,
                before: written.iter().sum(),
                max_tasks: i64::MAX,
                max_rule_steps: 5 * STEPS_OF_SLOW_RULE,
            };
            let done = step.run(db, &Arc::default(), Duration::from_hours(1)).await.unwrap();
            let Done::Now { total, next: next_step } = done else { panic!("there is no key") };
            written.push(total - written.iter().sum::<u64>());
            next = next_step;
        }
    }

    #[on_both_databases]
    async fn a_bulk_edit_of_more_than_10000_tasks_takes_several_steps(database: TestDatabase) {
        let mine = [
            ("user_id", "CASE WHEN n <= 10001 THEN 'alice' ELSE 'bob' END"),
            ("title", "'t'"),
            ("title_folded", "'t'"),
        ];
        seed(&database.connect().await, 10_010, &mine).await;
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let [alice, bob] = ["alice", "bob"].map(|name| Caller::authenticated(UserId::parse(name).unwrap()));
        for edit in [BulkEdit::CompleteAll, BulkEdit::DeleteCompleted] {
            assert_eq!(steps(&db, &alice, edit).await, [5000, 5001], "{edit:?}");
            assert_eq!(steps(&db, &alice, edit).await, [0], "{edit:?}");
        }
        assert_eq!(steps(&db, &bob, BulkEdit::CompleteAll).await, [9]);
        assert_eq!(steps(&db, &bob, BulkEdit::Erase).await, [9]);
    }

    #[on_both_databases]
    async fn rules_that_take_long_end_a_step_and_the_next_one_goes_on_behind_it(database: TestDatabase) {
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        for number in 0..12 {
            create_slow(&store, &alice).await;
            if number % 2 == 0 {
                let plain = NewTask::new(Title::parse("plain").unwrap());
                crate::tasks::create(&store, &alice, plain, None).await.unwrap();
            }
        }
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        // The plain ones, and the first of the others.
        assert_eq!(steps(&db, &alice, BulkEdit::CompleteAll).await, [6 + FIRST_OF_SCHEDULED as u64, 2]);
        assert_eq!(steps(&db, &alice, BulkEdit::DeleteCompleted).await, [6 + 12]);
    }

    #[on_both_databases]
    async fn a_bulk_edit_stops_at_its_limit_and_a_repeated_one_goes_on(database: TestDatabase) {
        let mine = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
        seed(&database.connect().await, 10_001, &mine).await;
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let edit = async |edit, limit| {
            let (written, is_complete) = store.edit_within(&alice, edit, Conditions::default(), limit).await.unwrap();
            (written.value, is_complete)
        };
        for bulk in [BulkEdit::CompleteAll, BulkEdit::Erase] {
            assert_eq!(edit(bulk, Duration::ZERO).await, (5000, false), "{bulk:?}");
            assert_eq!(edit(bulk, Duration::from_hours(1)).await, (5001, true), "{bulk:?}");
            assert_eq!(edit(bulk, Duration::ZERO).await, (0, true), "{bulk:?}");
        }
    }

    #[on_both_databases]
    async fn a_repeated_bulk_edit_with_a_key_goes_on_and_has_the_sum_although_its_precondition_no_longer_holds(
        database: TestDatabase,
    ) {
        let mine = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
        seed(&database.connect().await, 10_010, &mine).await;
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let state = store.clock(&alice).await.unwrap();
        let key = IdempotencyKey::parse("k", "f".to_owned()).unwrap();
        let conditions = Conditions { precondition: Precondition::OneOf(vec![state]), key: Some(key) };
        let edit =
            async |limit| store.edit_within(&alice, BulkEdit::CompleteAll, conditions.clone(), limit).await.unwrap();
        assert_eq!(edit(Duration::ZERO).await, (Written::now(5000), false));
        assert_eq!(edit(Duration::from_hours(1)).await, (Written::now(10_010), true));
        assert_eq!(edit(Duration::from_hours(1)).await, (Written::before(10_010), true));
    }

    #[on_both_databases]
    async fn an_erasure_of_very_many_changes_stops_at_its_limit_also_if_there_are_no_tasks(database: TestDatabase) {
        let connection = database.connect().await;
        let changes = "INSERT INTO task_change (user_id, at, task_id, kind)
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20001)
            SELECT 'alice', n, n, 3 FROM number";
        let owner = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('alice', 20001, 1, 0)";
        for insert in [changes, owner] {
            testing::ConnectionTrait::execute_unprepared(&connection, insert).await.unwrap();
        }
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let erase = async || {
            let erased = store.edit_within(&alice, BulkEdit::Erase, Conditions::default(), Duration::ZERO).await;
            let (written, is_complete) = erased.unwrap();
            (written.value, is_complete)
        };
        assert_eq!(erase().await, (0, false));
        assert_eq!(erase().await, (0, true));
    }
}
