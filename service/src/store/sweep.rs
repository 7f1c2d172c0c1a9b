use std::time::{Duration, Instant};

use ::entity::{task_change, task_owner, task_request};
use sea_orm::sea_query::{
    Alias, DeleteStatement, Expr, ExprTrait, Func, Order, Query, QueryStatementWriter, SelectStatement, UpdateStatement,
};
use sea_orm::{DbErr, QueryResult, Statement, Value, Values};
use tokio::time::sleep;

use super::Store;
use super::dialect::Dialect;
use super::row::stored;
use crate::Error;
use crate::db::fault::Fault;
use crate::db::{Db, Transaction};
use crate::model::now;

/// The number of owners that are looked at in a step.
const OWNERS: u64 = 1000;
/// The maximum number of changes that a step deletes, and of keys that it looks at.
const ROWS: u64 = 1000;
/// The time limit of a statement of the sweep.
const LIMIT: Duration = Duration::from_secs(9);
/// The time for which a key of a request is kept: 24 hours, and one more because the clocks of servers differ.
const KEYS_ARE_KEPT: Duration = Duration::from_hours(25);

/// The number of rows that a sweep has deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Changes that were older than the history is kept.
    pub changes: u64,
    /// Keys of requests that were older than they are kept.
    pub keys: u64,
}

/// The pauses of a sweep: after each step it waits for a multiple of the time that the step took, at least for a minimum.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// The minimum of a pause.
    pub least: Duration,
    /// The length of a pause, in times of its step.
    pub times: u32,
}

impl Store {
    /// Deletes old changes and keys of all owners, in steps of bounded size with pauses between them. It uses one connection of
    /// its own on PostgreSQL. Several servers may sweep at the same time.
    ///
    /// An owner whose rows another transaction has locked for too long is left to the next sweep.
    ///
    /// # Errors
    /// An error of the database. What was deleted until then is gone.
    pub async fn sweep(&self, pauses: Pauses) -> Result<Swept, Error> {
        let db = self.db.with_own_connection().await?;
        let sweep = Sweep { db: &db, dialect: Dialect::of_db(&db), pauses };
        let swept = sweep.run(before(self.history()), before(KEYS_ARE_KEPT)).await;
        self.db.give_up_connection_of(db).await?;
        swept
    }
}

/// The number of the time that was so long ago.
pub(super) fn before(time: Duration) -> i64 {
    now().timestamp_micros().saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

struct Sweep<'a> {
    db: &'a Db,
    dialect: Dialect,
    pauses: Pauses,
}

/// An owner, and what is to be deleted.
#[derive(Debug)]
struct Owner {
    user_id: String,
    /// The last change that is too old.
    last_change: Option<i64>,
    has_old_keys: bool,
}

impl Sweep<'_> {
    /// Walks through the owners by their ids.
    async fn run(&self, changes_before: i64, keys_before: i64) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        // Behind an empty text is every owner.
        let mut after = String::new();
        loop {
            let before = [changes_before.into(), keys_before.into()];
            let next = self.select_owners(&owners(self.dialect), after, before.clone()).await?;
            let Some(last) = next.last() else { return Ok(swept) };
            after = last.user_id.clone();
            for owner in next {
                if self.dialect == Dialect::PostgresByOwner {
                    // The owners come from all parts of the tables, and the rest of an owner from one.
                    for owner in self.select_owners(&one_owner(self.dialect), owner.user_id, before.clone()).await? {
                        self.delete(&owner, keys_before, &mut swept).await?;
                    }
                } else {
                    self.delete(&owner, keys_before, &mut swept).await?;
                }
            }
        }
    }

    async fn select_owners(
        &self,
        select: &SelectStatement,
        first: String,
        [changes_before, keys_before]: [Value; 2],
    ) -> Result<Vec<Owner>, Error> {
        let find = self.statement(select, vec![first.into(), changes_before, keys_before]);
        self.step(self.db.select(&find, LIMIT, |owners, row| add_owner(owners, &row))).await
    }

    /// Deletes what is too old of an owner.
    async fn delete(&self, owner: &Owner, keys_before: i64, swept: &mut Swept) -> Result<(), Error> {
        if let Some(last) = owner.last_change {
            swept.changes += unless_locked(self.delete_changes(&owner.user_id, last).await)?;
        }
        if owner.has_old_keys {
            swept.keys += unless_locked(self.delete_keys(&owner.user_id, keys_before).await)?;
        }
        Ok(())
    }

    /// Deletes the changes of an owner up to this one.
    ///
    /// The begin of the log moves first, in the same transaction, so that no reader takes a log with gaps for a whole one:
    /// servers can have different settings and clocks. The owner is locked first, as by every write.
    async fn delete_changes(&self, user_id: &str, last: i64) -> Result<u64, Error> {
        let values = || vec![user_id.into(), last.into()];
        let (begin, delete) = (self.statement(&begin(), values()), self.statement(&delete_changes(), values()));
        let mut deleted = 0;
        loop {
            let work = |mut transaction: Transaction| {
                let (begin, delete) = (begin.clone(), delete.clone());
                async move {
                    transaction.execute(&begin).await?;
                    let deleted = transaction.execute(&delete).await?;
                    transaction.commit().await?;
                    Ok(deleted)
                }
            };
            let of_step = self.step(self.db.transact(LIMIT, work)).await?;
            deleted += of_step;
            if of_step < ROWS {
                return Ok(deleted);
            }
        }
    }

    /// Deletes the old keys of an owner. No index has their age, so a step looks at the next keys.
    async fn delete_keys(&self, user_id: &str, keys_before: i64) -> Result<u64, Error> {
        let (mut deleted, mut after) = (0, String::new());
        loop {
            let bound = self.statement(&last_key(), vec![user_id.into(), after.as_str().into()]);
            let bound: Option<String> = self.step(self.db.select(&bound, LIMIT, |key, row| set_key(key, &row))).await?;
            let Some(bound) = bound else { return Ok(deleted) };
            let values = vec![user_id.into(), after.into(), bound.as_str().into(), keys_before.into()];
            let delete = self.statement(&delete_keys(), values);
            deleted += self.step(self.db.execute(&delete, LIMIT)).await?;
            after = bound;
        }
    }

    /// Does a step, and pauses.
    async fn step<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let begun = Instant::now();
        let done = work.await;
        sleep((begun.elapsed() * self.pauses.times).max(self.pauses.least)).await;
        done
    }

    fn statement(&self, text: &impl QueryStatementWriter, values: Vec<Value>) -> Statement {
        Statement { sql: self.dialect.text(text), values: Some(Values(values)), db_backend: self.db.backend() }
    }
}

fn unless_locked(outcome: Result<u64, Error>) -> Result<u64, Error> {
    match outcome {
        Err(Error::Unavailable(cause)) if matches!(Fault::of(&cause.0), Fault::LockTimeout | Fault::Conflict) => Ok(0),
        outcome => outcome,
    }
}

fn add_owner(owners: &mut Vec<Owner>, row: &QueryResult) -> Result<(), DbErr> {
    let row = stored(row)?;
    owners.push(Owner {
        user_id: row.text(0)?.to_owned(),
        last_change: row.optional_number(1)?,
        has_old_keys: row.optional_number(2)?.is_some(),
    });
    Ok(())
}

fn set_key(key: &mut Option<String>, row: &QueryResult) -> Result<(), DbErr> {
    *key = stored(row)?.optional_text(0)?.map(str::to_owned);
    Ok(())
}

/// The next owners behind `$1`, each with its last change before `$2`, and with the number of a key before `$3`. Owners whose rows
/// are in different parts of the tables come without both, see [`one_owner`].
fn owners(dialect: Dialect) -> SelectStatement {
    use task_owner::Column::UserId;
    let owner = || Expr::col((task_owner::Entity, UserId));
    let old = if dialect == Dialect::PostgresByOwner {
        // All parameters need a type.
        ["NULLIF($2::bigint, $2)", "NULLIF($3::bigint, $3)"].map(Expr::cust)
    } else {
        [last_change(owner()), old_key(owner())]
    };
    let mut owners = Query::select();
    owners
        .column(UserId)
        .exprs(old)
        .from(task_owner::Entity)
        .and_where(owner().gt(Expr::cust("$1")))
        .order_by(UserId, Order::Asc)
        .limit(OWNERS);
    owners
}

/// The owner `$1` in the same columns.
fn one_owner(dialect: Dialect) -> SelectStatement {
    use task_owner::Column::UserId;
    let owner = || dialect.owner();
    Query::select()
        .column(UserId)
        .exprs([last_change(owner()), old_key(owner())])
        .from(task_owner::Entity)
        .and_where(Expr::col(UserId).eq(owner()))
        .to_owned()
}

/// The last change of the owner before `$2`, in a subquery with a LIMIT, so that PostgreSQL does not read all changes of all owners
/// at once.
fn last_change(owner: Expr) -> Expr {
    let change = |column| Expr::col((task_change::Entity, column));
    let last = Query::select()
        .expr(change(task_change::Column::At))
        .from(task_change::Entity)
        .and_where(change(task_change::Column::UserId).eq(owner))
        .and_where(change(task_change::Column::At).lt(Expr::cust("$2")))
        .order_by(task_change::Column::At, Order::Desc)
        .limit(1)
        .to_owned();
    Expr::SubQuery(None, Box::new(last.into()))
}

/// The number of a key of the owner before `$3`, in the same form.
fn old_key(owner: Expr) -> Expr {
    let key = |column| Expr::col((task_request::Entity, column));
    let old = Query::select()
        .expr(key(task_request::Column::At))
        .from(task_request::Entity)
        .and_where(key(task_request::Column::UserId).eq(owner))
        .and_where(key(task_request::Column::At).lt(Expr::cust("$3")))
        .limit(1)
        .to_owned();
    Expr::SubQuery(None, Box::new(old.into()))
}

/// Lets the log of the owner `$1` begin after the change `$2`.
fn begin() -> UpdateStatement {
    use task_owner::Column::{Begin, UserId};
    Query::update()
        .table(task_owner::Entity)
        .value(Begin, Expr::cust("$2"))
        .and_where(Expr::col(UserId).eq(Expr::cust("$1")))
        .and_where(Expr::col(Begin).lt(Expr::cust("$2")))
        .to_owned()
}

/// Deletes the oldest changes of the owner `$1`, up to the change `$2`.
fn delete_changes() -> DeleteStatement {
    use task_change::Column::{At, UserId};
    let of_owner = || Expr::col(UserId).eq(Expr::cust("$1"));
    let oldest = Query::select()
        .column(At)
        .from(task_change::Entity)
        .and_where(of_owner())
        .and_where(Expr::col(At).lte(Expr::cust("$2")))
        .order_by(At, Order::Asc)
        .limit(ROWS)
        .to_owned();
    // A range of the primary key. PostgreSQL could read all changes of the owner to find those of a list.
    let bound = Query::select().expr(Func::max(Expr::col(At))).from_subquery(oldest, Alias::new("oldest")).to_owned();
    Query::delete()
        .from_table(task_change::Entity)
        .and_where(of_owner())
        .and_where(Expr::col(At).lte(Expr::SubQuery(None, Box::new(bound.into()))))
        .to_owned()
}

/// The last of the next keys of the owner `$1` behind the key `$2`.
fn last_key() -> SelectStatement {
    use task_request::Column::{Key, UserId};
    let next = Query::select()
        .column(Key)
        .from(task_request::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust("$1")))
        .and_where(Expr::col(Key).gt(Expr::cust("$2")))
        .order_by(Key, Order::Asc)
        .limit(ROWS)
        .to_owned();
    Query::select().expr(Func::max(Expr::col(Key))).from_subquery(next, Alias::new("next")).to_owned()
}

/// Deletes the keys of the owner `$1` behind the key `$2` up to the key `$3` that are older than `$4`.
fn delete_keys() -> DeleteStatement {
    use task_request::Column::{At, Key, UserId};
    Query::delete()
        .from_table(task_request::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust("$1")))
        .and_where(Expr::col(Key).gt(Expr::cust("$2")))
        .and_where(Expr::col(Key).lte(Expr::cust("$3")))
        .and_where(Expr::col(At).lt(Expr::cust("$4")))
        .to_owned()
}

/// The statements by name, with the values of their parameters for an owner with this id.
#[cfg(test)]
pub(super) fn texts(dialect: Dialect) -> [(&'static str, String, &'static str); 5] {
    [
        ("owners", dialect.text(&owners(dialect)), "'', 1, 1"),
        ("begin", dialect.text(&begin()), "'user 7', 1"),
        ("delete_changes", dialect.text(&delete_changes()), "'user 7', 1"),
        ("last_key", dialect.text(&last_key()), "'user 7', ''"),
        ("delete_keys", dialect.text(&delete_keys()), "'user 7', '', 'z', 1"),
    ]
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use sea_orm::ConnectionTrait;
    use testing::{TestDatabase, on_both_databases, seed};

    use super::*;
    use crate::model::{NewTask, Title};
    use crate::{Caller, DbConfig, UserId, tasks};

    const NO_PAUSES: Pauses = Pauses { least: Duration::ZERO, times: 0 };

    async fn open(database: &TestDatabase, days: u16) -> Store {
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        store.with_history_days(NonZero::new(days).unwrap())
    }

    async fn numbers(connection: &impl ConnectionTrait, query: &str) -> Vec<i64> {
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let rows = connection.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    #[on_both_databases]
    async fn a_sweep_deletes_old_changes_of_every_owner_and_moves_the_begin_of_their_logs(database: TestDatabase) {
        let connection = database.connect().await;
        // More owners than a step looks at. The last one has more old changes than a step deletes.
        seed(&connection, 1001, &[("user_id", "'user ' || n")]).await;
        let old = before(Duration::from_hours(49));
        let add = async |user: &str, first: i64, count: u64| {
            let changes = format!(
                "INSERT INTO task_change (user_id, at, task_id, kind)
                WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < {count} - 1)
                SELECT '{user}', {first} + n, 1, 3 FROM number"
            );
            connection.execute_unprepared(&changes).await.unwrap();
        };
        add("user 1", old, 1).await;
        add("user 999", old, 2 * ROWS + 1).await;
        let recent = before(Duration::from_hours(1));
        add("user 999", recent, 1).await;
        let swept = open(&database, 2).await.sweep(NO_PAUSES).await.unwrap();
        assert_eq!(swept, Swept { changes: 2 * ROWS + 2, keys: 0 });
        assert_eq!(numbers(&connection, "SELECT at FROM task_change").await, [recent]);
        let begins = "SELECT \"begin\" FROM task_owner WHERE \"begin\" > 1 ORDER BY \"begin\"";
        assert_eq!(numbers(&connection, begins).await, [old, old + i64::try_from(2 * ROWS).unwrap()]);
        assert_eq!(open(&database, 2).await.sweep(NO_PAUSES).await.unwrap(), Swept::default());
    }

    #[on_both_databases]
    async fn a_state_of_which_changes_were_swept_is_not_known_however_long_history_is_kept_later(
        database: TestDatabase,
    ) {
        let store = open(&database, 30).await;
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        let new = NewTask::new(Title::parse("t").unwrap());
        let clock = tasks::create(&store, &alice, new, None).await.unwrap().value.version();
        let two_days_ago = before(Duration::from_hours(48));
        let connection = database.connect().await;
        let as_if = format!(
            "INSERT INTO task_change (user_id, at, task_id, kind) VALUES ('alice', {two_days_ago}, 7, 3);
            UPDATE task_owner SET \"begin\" = 1"
        );
        connection.execute_unprepared(&as_if).await.unwrap();
        let since = async |state| tasks::changes(&store, &alice, state, 10).await;
        assert_eq!(since(two_days_ago - 1).await.unwrap().items.len(), 2);
        // Another server keeps changes for a day only.
        assert_eq!(open(&database, 1).await.sweep(NO_PAUSES).await.unwrap().changes, 1);
        assert!(matches!(since(two_days_ago - 1).await, Err(Error::Resync)));
        let rest = since(two_days_ago).await.unwrap();
        assert_eq!((rest.items.len(), rest.state), (1, clock));
    }

    #[on_both_databases]
    async fn keys_are_deleted_after_25_hours(database: TestDatabase) {
        let connection = database.connect().await;
        seed(&connection, 1, &[]).await;
        let add = async |prefix: &str, at: i64, count: u64| {
            let fingerprint =
                if connection.get_database_backend() == sea_orm::DbBackend::Postgres { "''::bytea" } else { "x''" };
            let keys = format!(
                "INSERT INTO task_request (user_id, key, at, fingerprint)
                WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
                SELECT 'alice', '{prefix} ' || n, {at}, {fingerprint} FROM number"
            );
            connection.execute_unprepared(&keys).await.unwrap();
        };
        let kept = before(Duration::from_hours(24));
        // More keys than a step looks at, between and behind those that stay.
        add("b", before(Duration::from_hours(26)), 2 * ROWS).await;
        add("a", kept, ROWS + 1).await;
        add("c", kept, 1).await;
        let swept = open(&database, 30).await.sweep(NO_PAUSES).await.unwrap();
        assert_eq!(swept, Swept { changes: 0, keys: 2 * ROWS });
        let rest = numbers(&connection, "SELECT DISTINCT at FROM task_request").await;
        assert_eq!(rest, [kept]);
    }
}
