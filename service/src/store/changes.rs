use ::entity::task::{Column, Entity};
use ::entity::{task_change, task_owner};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, JoinType, Order, Query, SelectStatement, UnionType};
use sea_orm::{DbErr, QueryResult, Statement, Values};

use super::columns::{READ, ReadPosition, read};
use super::cost::Cost;
use super::dialect::{Dialect, task};
use super::edit::{DELETED, REMINDED};
use super::list::rounded;
use super::row::{AFTER_TASK, stored};
use super::trash::is_last_deletion;
use super::{Store, owned};
use crate::db::Db;
use crate::model::{FeedItem, LoggedReminder};
use crate::{Caller, Error};

/// The maximum number of changes that are looked at for a part of the feed.
const MAX_SEEN: u64 = 5000;

/// Rows of the log of an owner, from one statement.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    /// `None` for an owner without a row.
    pub(crate) owner: Option<OwnerState>,
    /// The last changes of tasks among the rows that were looked at, in their order.
    pub(crate) items: Vec<FeedItem>,
    /// The last row that was looked at. `None` if the log has no further rows.
    pub(crate) last_seen: Option<i64>,
}

/// The clock of an owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerState {
    pub(crate) clock: i64,
    /// The log has all changes after this number.
    pub(crate) begin: i64,
}

impl Store {
    /// The last changes of the caller's tasks after the number `since`: one more than `limit` if there are more, and possibly
    /// some more than that.
    pub(crate) async fn log(&self, caller: &Caller, since: i64, limit: u32, cost: Cost) -> Result<LogPage, Error> {
        let log = log(caller, since, limit, Dialect::of_db(&self.db));
        let select = |db: Db, limit| {
            let log = log.clone();
            async move { db.select_in_order(&log, limit, |page: &mut LogPage, row| page.push(&row)).await }
        };
        self.alone(caller, cost, select).await
    }
}

/// The positions of the columns behind those of the task: those of the owner, then those of a change.
const CLOCK: usize = AFTER_TASK;
const BEGIN: usize = AFTER_TASK + 1;
const LAST_SEEN: usize = AFTER_TASK + 2;
const AT: usize = AFTER_TASK + 3;
const TASK_ID: usize = AFTER_TASK + 4;
const REMINDER: usize = AFTER_TASK + 5;
/// The position of the first column behind all of these.
pub(super) const AFTER_CHANGE: usize = AFTER_TASK + 6;

impl LogPage {
    pub(super) fn push(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let row = stored(row)?;
        let Some(version) = row.optional_number(AT)? else {
            self.owner = Some(OwnerState { clock: row.number(CLOCK)?, begin: row.number(BEGIN)? });
            self.last_seen = row.optional_number(LAST_SEEN)?;
            return Ok(());
        };
        if let Some(reminder) = row.optional_text(REMINDER)? {
            let fired = LoggedReminder::fired(reminder, row.number(TASK_ID)?, version);
            self.items.push(FeedItem::Reminded(fired.map_err(|error| DbErr::Json(error.to_string()))?));
            return Ok(());
        }
        self.items.push(match row.optional_number(ReadPosition::Id as usize)? {
            Some(_) => FeedItem::Changed(row.task()?),
            None => FeedItem::Deleted { id: row.number(TASK_ID)?, version },
        });
        Ok(())
    }
}

/// What a statement asks for, as it names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The owner.
    pub(super) owner: &'static str,
    /// The number after which changes are wanted.
    pub(super) since: &'static str,
    /// The maximum number of changes that are looked at.
    pub(super) seen: u64,
}

/// A statement for one owner gets its values as parameters.
const ALONE: Asked = Asked { owner: "$1", since: "$2", seen: MAX_SEEN };

/// The rows of the log that are looked at.
const SEEN: &str = "seen";

/// A row with the owner's clock, and behind it one for each task whose last change is among the rows that are looked at.
///
/// A change is the last one of its task if the task has its number as its version, or if it is the last deletion of a task that
/// does not exist. A change that is not the last one is passed over, because the last one comes later: in this part or in
/// another. A reminder that has fired has a row of its own while its task exists.
pub(super) fn log(caller: &Caller, since: i64, limit: u32, dialect: Dialect) -> Statement {
    let values = Values(vec![caller.user_id().as_str().into(), since.into()]);
    let statement = select(ALONE, limit, dialect);
    Statement { sql: dialect.text(&statement), values: Some(values), db_backend: dialect.backend() }
}

/// The statement of [`log`].
pub(super) fn select(asked: Asked, limit: u32, dialect: Dialect) -> SelectStatement {
    use task_change::Column::{At, Reminder, TaskId};
    let mut last_seen = rows(asked);
    last_seen.column(At).limit(1).offset(asked.seen - 1);
    let mut statement = Query::select();
    statement.exprs(READ.iter().map(|_| null()));
    statement
        .columns([task_owner::Column::Clock, task_owner::Column::Begin])
        .expr(Expr::SubQuery(None, Box::new(last_seen.into())))
        .exprs([null(), null(), null()])
        .from(task_owner::Entity)
        .and_where(Expr::col(task_owner::Column::UserId).eq(Expr::cust(asked.owner)));
    let mut changes = seen(asked, dialect);
    changes
        .columns(read())
        .columns([At, TaskId, Reminder].map(|column| (Alias::new(SEEN), column)))
        .order_by((Alias::new(SEEN), At), Order::Asc)
        .limit(u64::from(rounded(limit.saturating_add(1))));
    // A table of its own, because its LIMIT would be that of the whole union.
    let changes = Query::select()
        .columns(READ.iter().copied())
        .exprs([null(), null(), null()])
        .columns([At, TaskId, Reminder])
        .from_subquery(changes, Alias::new("changes"))
        .to_owned();
    statement.union(UnionType::All, changes);
    statement
}

fn null() -> Expr {
    Expr::cust("NULL")
}

/// The rows of the log after the number, in their order, without columns.
fn rows(asked: Asked) -> SelectStatement {
    use task_change::Column::{At, UserId};
    let mut rows = Query::select();
    rows.from(task_change::Entity)
        .and_where(Expr::col(UserId).eq(Expr::cust(asked.owner)))
        .and_where(Expr::col(At).gt(Expr::cust(asked.since)))
        .order_by(At, Order::Asc);
    rows
}

/// The rows that are looked at with their tasks, if they are the last changes of these, without columns.
fn seen(asked: Asked, dialect: Dialect) -> SelectStatement {
    use task_change::Column::{At, Kind, Reminder, TaskId};
    let of_seen = |column| Expr::col((Alias::new(SEEN), column));
    let mut log = rows(asked);
    log.columns([At, TaskId, Kind, Reminder]).limit(asked.seen);
    let mut seen = Query::select();
    seen.from_subquery(log, Alias::new(SEEN));
    let is_named = || task(Column::Id).eq(of_seen(TaskId));
    if dialect == Dialect::Sqlite {
        let found = is_named().and(owned::by_id(Expr::cust(asked.owner), dialect));
        seen.join(JoinType::LeftJoin, Entity, found);
    } else {
        // A subquery with a LIMIT is run for each row. A plain join can become one that reads all tasks of the owner.
        let found = Query::select()
            .columns(read())
            .from(Entity)
            .and_where(is_named())
            .and_where(owned::by_id(Expr::cust(asked.owner), dialect))
            .limit(1)
            .to_owned();
        seen.join_lateral(JoinType::LeftJoin, found, Entity, Expr::val(true));
    }
    let is_gone = Condition::all()
        .add(of_seen(Kind).eq(DELETED))
        .add(task(Column::Id).is_null())
        .add(is_last_deletion(SEEN, asked.owner));
    let is_as_it_is = task(Column::UpdatedAt).eq(dialect.time_of_seen());
    let is_reminder =
        Condition::all().add(of_seen(Kind).eq(Expr::cust(REMINDED.to_string()))).add(task(Column::Id).is_not_null());
    seen.cond_where(Condition::any().add(is_as_it_is).add(is_gone).add(is_reminder));
    seen
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseConnection};
    use testing::{TestDatabase, on_both_databases};

    use super::*;
    use crate::model::{Conditions, NewTask, Title};
    use crate::{DbConfig, UserId, tasks};

    async fn open(database: &TestDatabase) -> (Store, DatabaseConnection, Caller) {
        let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let alice = Caller::authenticated(UserId::parse("alice").unwrap());
        (store, database.connect().await, alice)
    }

    fn new() -> NewTask {
        NewTask::new(Title::parse("t").unwrap())
    }

    /// Sets the clock of the only owner, so that the next write has the number after it.
    async fn set_clock(connection: &DatabaseConnection, clock: i64) {
        connection.execute_unprepared(&format!("UPDATE task_owner SET clock = {clock}")).await.unwrap();
    }

    #[on_both_databases]
    async fn a_change_is_found_whatever_the_fraction_of_its_second_is(database: TestDatabase) {
        let (store, connection, alice) = open(&database).await;
        let task = tasks::create(&store, &alice, new(), None).await.unwrap().value;
        // The year 2100, so that the numbers follow the clock.
        for number in [4_102_444_800_000_000, 4_102_444_800_000_001, 4_102_444_800_050_000, 4_102_444_801_123_456] {
            set_clock(&connection, number - 1).await;
            let changed = tasks::toggle_completed(&store, &alice, task.id, &Conditions::default()).await.unwrap().value;
            assert_eq!(changed.version(), number);
            let page = store.log(&alice, number - 1, 10, Cost::Heavy).await.unwrap();
            assert_eq!(page.items, [FeedItem::Changed(changed)]);
        }
    }

    #[on_both_databases]
    async fn a_part_looks_at_5000_changes_and_goes_on_behind_them(database: TestDatabase) {
        let (store, connection, alice) = open(&database).await;
        let task = tasks::create(&store, &alice, new(), None).await.unwrap().value;
        let since = task.version();
        let many = format!(
            "INSERT INTO task_change (user_id, at, task_id, kind)
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 9999)
            SELECT 'alice', {since} + n, {}, 2 FROM number",
            task.id
        );
        connection.execute_unprepared(&many).await.unwrap();
        set_clock(&connection, since + 9_999).await;
        let last = tasks::toggle_completed(&store, &alice, task.id, &Conditions::default()).await.unwrap().value;
        let first = tasks::changes(&store, &alice, since, 1).await.unwrap();
        assert_eq!((first.items.len(), first.state, first.has_more), (0, since + 5000, true));
        let second = tasks::changes(&store, &alice, first.state, 1).await.unwrap();
        // The 10,000th row is the last one, so nothing follows.
        assert_eq!((second.state, second.has_more), (last.version(), false));
        assert_eq!(second.items, [FeedItem::Changed(last)]);
    }

    #[on_both_databases]
    async fn a_task_that_was_deleted_several_times_is_deleted_once_at_its_last_deletion(database: TestDatabase) {
        let (store, connection, alice) = open(&database).await;
        let task = tasks::create(&store, &alice, new(), None).await.unwrap().value;
        tasks::create(&store, &alice, new(), None).await.unwrap();
        let since = task.version();
        // As after two restorations.
        let earlier = format!(
            "INSERT INTO task_change (user_id, at, task_id, kind) VALUES ('alice', {0}, {2}, 3), ('alice', {1}, {2}, 3)",
            since - 2,
            since - 1,
            task.id
        );
        connection.execute_unprepared(&earlier).await.unwrap();
        connection.execute_unprepared("UPDATE task_owner SET \"begin\" = 1").await.unwrap();
        let deleted = tasks::delete(&store, &alice, task.id, &Conditions::default()).await.unwrap().value;
        let feed = tasks::changes(&store, &alice, since - 3, 10).await.unwrap();
        let [FeedItem::Changed(other), FeedItem::Deleted { id, version }] = &feed.items[..] else { panic!("{feed:?}") };
        assert_ne!(other.id, task.id);
        assert_eq!((*id, *version), (deleted.id, feed.state));
    }

    #[on_both_databases]
    async fn a_state_before_the_begin_or_after_the_clock_or_older_than_the_history_is_not_known(
        database: TestDatabase,
    ) {
        let (store, connection, alice) = open(&database).await;
        let state = async |since| tasks::changes(&store, &alice, since, 10).await.map(|feed| feed.state);
        assert_eq!(state(0).await.unwrap(), 0);
        assert!(matches!(state(1).await, Err(Error::Resync)));
        let task = tasks::create(&store, &alice, new(), None).await.unwrap().value;
        let clock = task.version();
        assert_eq!(state(clock).await.unwrap(), clock);
        for unknown in [0, clock + 1, i64::MAX] {
            assert!(matches!(state(unknown).await, Err(Error::Resync)), "{unknown}");
        }
        // The log has everything, but the state is older than 30 days. A day more, and it is not.
        connection.execute_unprepared("UPDATE task_owner SET \"begin\" = 1").await.unwrap();
        let day = 24 * 3600 * 1_000_000;
        assert!(matches!(state(clock - 30 * day - 1).await, Err(Error::Resync)));
        assert_eq!(state(clock - 29 * day).await.unwrap(), clock);
    }
}
