//! Wipes the images of deleted tasks. The changes remain, because the feed needs them. No task changes, so the clock does not
//! move.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::entity::task_change;
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, Order, Query, QueryStatementWriter, SelectStatement, UpdateStatement,
};
use sea_orm::{DbErr, Statement, Value, Values};

use super::bulk::EDIT_TIME;
use super::{DELETED, held};
use crate::batch::Holds;
use crate::db::{Db, Transaction};
use crate::model::{IdempotencyKey, Written};
use crate::store::columns::IMAGE;
use crate::store::dialect::Dialect;
use crate::store::keys::{self, Progress};
use crate::store::sweep::before;
use crate::store::trash::{is_gone, is_in_trash};
use crate::store::{Cost, Store, row};
use crate::{Caller, Error, UserId};

/// The maximum number of changes that a step looks at.
const STEP: u64 = 5000;

impl Store {
    /// Wipes the images of all tasks of the caller that are in the trash, in their deletions and in every change before. Returns
    /// the number of tasks that were in the trash, and whether all of them are wiped: the time for it is limited, and a repeated
    /// call goes on.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::KeyReused`], or an error of the database before the first step was done.
    pub(crate) async fn wipe_trash(
        &self,
        caller: &Caller,
        key: Option<IdempotencyKey>,
    ) -> Result<(Written<u64>, bool), Error> {
        self.wipe_within(caller, key, EDIT_TIME).await
    }

    /// Does the first step, and further ones until `limit`.
    async fn wipe_within(
        &self,
        caller: &Caller,
        key: Option<IdempotencyKey>,
        limit: Duration,
    ) -> Result<(Written<u64>, bool), Error> {
        let ends = Instant::now() + limit;
        let oldest = before(self.history());
        let (mut wiped, mut after) = (0, 0);
        loop {
            // Each step waits for a place of its own, so that a long wipe does not keep others from their turns.
            let step = Step { caller: caller.clone(), after, oldest, key: key.clone(), before: wiped };
            let work = |db: Db, limit| {
                let (step, holds) = (step.clone(), Arc::clone(&self.shared.holds));
                async move { step.run(&db, &holds, limit).await }
            };
            match self.alone(caller, Cost::Heavy, work).await {
                Ok(Done::Replay(count)) => return Ok((Written::before(count), true)),
                Ok(Done::Now { total, last }) => {
                    wiped = total;
                    let Some(last) = last else { return Ok((Written::now(wiped), true)) };
                    after = last;
                }
                Err(error) if after == 0 => return Err(error),
                Err(_) => return Ok((Written::now(wiped), false)),
            }
            if Instant::now() >= ends {
                return Ok((Written::now(wiped), false));
            }
        }
    }
}

/// A step: the changes behind a number.
#[derive(Clone, Debug)]
struct Step {
    caller: Caller,
    after: i64,
    /// Tasks that were deleted before this number are no longer in the trash. They are wiped and not counted.
    oldest: i64,
    /// The key of the whole wipe.
    key: Option<IdempotencyKey>,
    /// The number of tasks that the steps before have wiped.
    before: u64,
}

/// A step that was done.
enum Done {
    Now {
        /// The number of tasks that were in the trash, in this step and those before.
        total: u64,
        /// The last change that was looked at. `None` if there are no further ones.
        last: Option<i64>,
    },
    /// The whole wipe was done before, and has wiped this number of tasks.
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
        let key = self.key.as_ref();
        let before = match keys::progress_in(&mut transaction, &self.caller, key).await? {
            Ok(Progress::New) => self.before,
            Ok(Progress::Begun(before)) => before,
            Ok(Progress::Done(count)) => return Ok(Ok(Done::Replay(count))),
            Err(error) => return Ok(Err(error)),
        };
        if clock.is_none() {
            // All data of the owner was erased, also keys.
            return Ok(Ok(Done::Now { total: before, last: None }));
        }
        let (count, last) = self.two_numbers(&mut transaction, &bound(), &[self.after]).await?;
        let Some(last) = last else {
            keys::keep_progress_in(&mut transaction, &self.caller, key, before, true).await?;
            transaction.commit().await?;
            return Ok(Ok(Done::Now { total: before, last: None }));
        };
        let dialect = Dialect::of_transaction(&transaction);
        let (wiped, _) =
            self.two_numbers(&mut transaction, &count_tasks(dialect), &[self.after, last, self.oldest]).await?;
        transaction.execute(&self.statement(&transaction, &wipe(dialect), &[self.after, last])).await?;
        let total = before + wiped.unwrap_or_default().unsigned_abs();
        let is_over = count.unwrap_or_default().unsigned_abs() < STEP;
        keys::keep_progress_in(&mut transaction, &self.caller, key, total, is_over).await?;
        transaction.commit().await?;
        Ok(Ok(Done::Now { total, last: Some(last).filter(|_| !is_over) }))
    }

    async fn two_numbers(
        &self,
        transaction: &mut Transaction,
        select: &SelectStatement,
        numbers: &[i64],
    ) -> Result<(Option<i64>, Option<i64>), DbErr> {
        let statement = self.statement(transaction, select, numbers);
        let rows = transaction.rows(&statement).await?;
        let Some(row) = rows.first() else { return Ok((None, None)) };
        let row = row::stored(row)?;
        Ok((row.optional_number(0)?, row.optional_number(1)?))
    }

    fn statement(&self, transaction: &Transaction, text: &impl QueryStatementWriter, numbers: &[i64]) -> Statement {
        let dialect = Dialect::of_transaction(transaction);
        let owner: Value = self.caller.user_id().as_str().into();
        let values = [owner].into_iter().chain(numbers.iter().map(|number| (*number).into())).collect();
        Statement { sql: dialect.text(text), values: Some(Values(values)), db_backend: dialect.backend() }
    }
}

const OWNER: &str = "$1";
const TABLE: &str = "task_change";

/// The number of the next changes of the owner `$1` behind the number `$2`, and the last one of them.
fn bound() -> SelectStatement {
    use task_change::Column::{At, UserId};
    let next = Query::select()
        .column(At)
        .from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust(OWNER)))
        .and_where(Expr::col(At).gt(Expr::cust("$2")))
        .order_by(At, Order::Asc)
        .limit(STEP)
        .to_owned();
    Query::select()
        .expr(Func::count(Expr::col(At)))
        .expr(Func::max(Expr::col(At)))
        .from_subquery(next, Alias::new("next"))
        .to_owned()
}

/// The condition that a change is one of the step: behind the number `$2`, up to the number `$3`.
fn is_of_step() -> Expr {
    use task_change::Column::{At, UserId};
    let of_change = |column| Expr::col((task_change::Entity, column));
    of_change(UserId)
        .eq(Expr::cust(OWNER))
        .and(of_change(At).gt(Expr::cust("$2")))
        .and(of_change(At).lte(Expr::cust("$3")))
}

/// The number of tasks in the trash whose deletion is one of the step, and not before the number `$4`.
fn count_tasks(dialect: Dialect) -> SelectStatement {
    use task_change::Column::{At, Kind};
    Query::select()
        .expr(Func::count(Expr::col(At)))
        .expr(Expr::cust("NULL"))
        .from(task_change::Entity)
        .and_where(is_of_step())
        .and_where(Expr::col(Kind).eq(Expr::cust(DELETED.to_string())))
        .and_where(Expr::col(At).gte(Expr::cust("$4")))
        .and_where(is_in_trash(TABLE, OWNER, dialect))
        .to_owned()
}

/// Wipes the images of the step whose tasks do not exist.
fn wipe(dialect: Dialect) -> UpdateStatement {
    let mut wipe = Query::update();
    wipe.table(task_change::Entity);
    for (_, kept, _) in IMAGE {
        wipe.value(kept, Expr::cust("NULL"));
    }
    wipe.and_where(is_of_step())
        .and_where(Expr::col(task_change::Column::Title).is_not_null())
        .and_where(is_gone(TABLE, OWNER, dialect));
    wipe
}

/// The statements by name, with the values of their parameters for an owner with this id.
#[cfg(test)]
pub(in crate::store) fn texts(dialect: Dialect) -> [(&'static str, String, &'static str); 3] {
    [
        ("bound", dialect.text(&bound()), "'user 7', 1"),
        ("count_tasks", dialect.text(&count_tasks(dialect)), "'user 7', 1, 100000, 1"),
        ("wipe", dialect.text(&wipe(dialect)), "'user 7', 1, 100000"),
    ]
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use sea_orm::ConnectionTrait;
    use testing::{TestDatabase, on_both_databases};

    use super::*;
    use crate::DbConfig;
    use crate::model::now;

    /// A trash of 5,002 tasks.
    async fn seeded(database: &TestDatabase) -> (Store, Caller) {
        let now = now().timestamp_micros();
        let owner = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('alice', 1, 1, 0)";
        let changes = format!(
            "INSERT INTO task_change (user_id, at, task_id, kind, title)
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 5002)
            SELECT 'alice', {now} - 6000 + n, n, 3, 't' FROM number"
        );
        let connection = database.connect().await;
        for insert in [owner, &changes] {
            connection.execute_unprepared(insert).await.unwrap();
        }
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        (store, alice)
    }

    #[on_both_databases]
    async fn a_wipe_of_very_many_changes_stops_at_its_limit_and_a_repeated_one_goes_on(database: TestDatabase) {
        let (store, alice) = seeded(&database).await;
        let key = IdempotencyKey::parse("k", "f".to_owned()).unwrap();
        let with_key = async |limit| store.wipe_within(&alice, Some(key.clone()), limit).await.unwrap();
        assert_eq!(with_key(Duration::ZERO).await, (Written::now(5000), false));
        assert_eq!(with_key(Duration::from_hours(1)).await, (Written::now(5002), true));
        assert_eq!(with_key(Duration::from_hours(1)).await, (Written::before(5002), true));
    }

    #[on_both_databases]
    async fn a_step_after_an_erasure_claims_no_key(database: TestDatabase) {
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let step = Step {
            caller: Caller::authenticated(UserId::parse("alice").unwrap()),
            after: 1,
            oldest: 0,
            key: Some(IdempotencyKey::parse("k", "f".to_owned()).unwrap()),
            before: 5000,
        };
        step.run(&db, &Arc::default(), Duration::from_hours(1)).await.unwrap();
        let left = "SELECT * FROM task_request";
        let connection = database.connect().await;
        let left = connection.query_all_raw(Statement::from_string(connection.get_database_backend(), left)).await;
        assert!(left.unwrap().is_empty());
    }

    #[on_both_databases]
    async fn a_wipe_of_very_many_changes_without_a_key_stops_at_its_limit_too(database: TestDatabase) {
        let (store, alice) = seeded(&database).await;
        let wipe = async |limit| {
            let (wiped, is_complete) = store.wipe_within(&alice, None, limit).await.unwrap();
            (wiped.value, is_complete)
        };
        assert_eq!(wipe(Duration::ZERO).await, (5000, false));
        assert_eq!(wipe(Duration::from_hours(1)).await, (2, true));
        assert_eq!(wipe(Duration::from_hours(1)).await, (0, true));
    }
}
