//! Reminders fire once each, in the feed of their owner.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test chooses its callers, and looks into the tables")]

use std::slice;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use service::tasks::{
    self, Change, Changes, Conditions, FeedItem, FiredReminder, NewTask, Precondition, Reminder, ReminderInstant,
    ScheduleChanges, Task, Title,
};
use service::{Caller, DbConfig, Store, UserId, reminders};
use testing::{Backend, TestDatabase, on_both_databases};
use tokio::time::sleep;

const ANY: Conditions = Conditions { precondition: Precondition::Exists, key: None };

async fn open(database: &TestDatabase) -> Store {
    Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap()
}

fn caller(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

/// Changes that set a reminder for each of these times from now.
fn reminding(times: &[TimeDelta]) -> ScheduleChanges {
    let reminder = |time: &TimeDelta| {
        let text = (Utc::now() + *time).to_rfc3339();
        Reminder::At(ReminderInstant::parse(text).unwrap())
    };
    ScheduleChanges { reminders: Change::To(times.iter().map(reminder).collect()), ..ScheduleChanges::default() }
}

async fn create(store: &Store, caller: &Caller, schedule: ScheduleChanges) -> Task {
    let new = NewTask { schedule: Some(Box::new(schedule)), ..NewTask::new(Title::parse("t").unwrap()) };
    tasks::create(store, caller, new, None).await.unwrap().value
}

async fn execute(connection: &DatabaseConnection, statement: &str) {
    connection.execute_unprepared(statement).await.unwrap();
}

async fn count(connection: &DatabaseConnection, what: &str) -> i64 {
    let query = format!("SELECT COUNT(*) AS count FROM {what}");
    let statement = Statement::from_string(connection.get_database_backend(), query);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get("", "count").unwrap()
}

/// Lets all reminders be due since so many seconds.
async fn make_due(connection: &DatabaseConnection, seconds: i64) {
    let at = Utc::now().timestamp_micros() - seconds * 1_000_000;
    execute(connection, &format!("UPDATE task_reminder SET at = {at} WHERE fired_at IS NULL")).await;
}

const DUE: &str = "task_reminder WHERE fired_at IS NULL AND at < 4000000000000000";
const FIRED: &str = "task_change WHERE kind = 5";

/// Lets servers fire reminders until none of these is left.
async fn fire_until_none(servers: &[Store], connection: &DatabaseConnection, left: &str) {
    let errors = |error: &service::Error| panic!("{error:?}");
    let firing = join_all(servers.iter().map(|server| reminders::fire(server.clone(), errors)));
    let watching = async {
        while count(connection, left).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        for server in servers {
            server.firing().stop();
        }
    };
    tokio::join!(firing, watching);
}

async fn fired(store: &Store, caller: &Caller, since: i64) -> Vec<FiredReminder> {
    let feed = tasks::changes(store, caller, since, 1000).await.unwrap();
    let reminder = |item| if let FeedItem::Reminded(reminder) = item { Some(reminder) } else { None };
    feed.items.into_iter().filter_map(reminder).collect()
}

#[on_both_databases]
async fn a_reminder_fires_once_however_many_servers_there_are(database: TestDatabase) {
    let servers = join_all((0..3).map(|_| open(&database))).await;
    let connection = database.connect().await;
    let owners = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks)
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 40)
        SELECT 'user ' || n, 1, 1, 0 FROM number";
    let due = "INSERT INTO task_reminder (user_id, task_id, n, at)
        WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 1199)
        SELECT 'user ' || (1 + n % 40), 1 + n / 200, 1 + n / 40 % 5, 1 + n FROM number";
    execute(&connection, owners).await;
    execute(&connection, due).await;
    fire_until_none(&servers, &connection, DUE).await;
    assert_eq!(count(&connection, FIRED).await, 1200);
    let distinct = "(SELECT DISTINCT user_id, task_id, reminder FROM task_change WHERE kind = 5) AS fired";
    assert_eq!(count(&connection, distinct).await, 1200);
    let total = |figure: fn(&Store) -> u64| servers.iter().map(figure).sum::<u64>();
    assert_eq!((total(|server| server.firing().total()), total(|server| server.firing().late())), (1200, 1200));
    let at_their_clocks =
        "task_owner WHERE clock = (SELECT MAX(at) FROM task_change WHERE user_id = task_owner.user_id)";
    assert_eq!(count(&connection, at_their_clocks).await, 40);
}

#[on_both_databases]
async fn a_reminder_is_in_the_feed_between_changes_and_changes_neither_the_task_nor_its_history(
    database: TestDatabase,
) {
    let (store, alice, connection) = (open(&database).await, caller("alice"), database.connect().await);
    let hours = TimeDelta::hours;
    let first = create(&store, &alice, reminding(&[hours(1), hours(2)])).await;
    make_due(&connection, 90).await;
    let second = create(&store, &alice, reminding(&[hours(3)])).await;
    fire_until_none(slice::from_ref(&store), &connection, &format!("{DUE} AND task_id = {}", first.id)).await;
    let read = tasks::get(&store, &alice, first.id).await.unwrap();
    assert_eq!(read, first, "the task and its version stay");

    let since = first.version();
    let feed = tasks::changes(&store, &alice, since, 10).await.unwrap();
    let [FeedItem::Changed(task), FeedItem::Reminded(one), FeedItem::Reminded(two)] = &feed.items[..] else {
        panic!("{feed:?}")
    };
    assert_eq!((task, feed.state, feed.has_more), (&second, two.version, false));
    assert_eq!(([one.task_id, two.task_id], [one.number, two.number]), ([first.id; 2], [1, 2]));
    assert!(second.version() < one.version && one.version < two.version);
    assert!((90..3600).contains(&one.late_by.unwrap()) && one.at < Utc::now() - TimeDelta::seconds(89));

    // A later change of the task does not take the reminders out of the feed, and each is there once in parts of any size.
    let changed = Changes { title: Change::To(Title::parse("u").unwrap()), ..Changes::default() };
    let changed = tasks::update(&store, &alice, first.id, changed, &ANY).await.unwrap().value;
    let (mut state, mut versions) = (since, Vec::new());
    loop {
        let part = tasks::changes(&store, &alice, state, 1).await.unwrap();
        versions.extend(part.items.iter().map(FeedItem::version));
        state = part.state;
        if !part.has_more {
            break;
        }
    }
    assert_eq!(versions, [second.version(), one.version, two.version, changed.version()]);
    let history = tasks::history(&store, &alice, first.id, 10, None).await.unwrap();
    assert_eq!(history.entries.iter().map(|entry| entry.version).collect::<Vec<_>>(), [changed.version(), since]);
    assert_eq!(history.entries[0].before, Some(first.clone()));

    // The deletion of the task does.
    tasks::delete(&store, &alice, first.id, &ANY).await.unwrap();
    assert_eq!(fired(&store, &alice, since).await, []);
}

#[on_both_databases]
async fn a_reminder_fires_neither_early_nor_twice_and_again_after_it_was_put_off(database: TestDatabase) {
    let (store, alice, connection) = (open(&database).await, caller("alice"), database.connect().await);
    let task = create(&store, &alice, reminding(&[TimeDelta::hours(1), TimeDelta::hours(2)])).await;
    let of_first = |at: i64| format!("UPDATE task_reminder SET at = {at} WHERE n = 1");
    execute(&connection, &of_first(Utc::now().timestamp_micros())).await;
    let first = format!("{DUE} AND n = 1");
    fire_until_none(&[store], &connection, &first).await;
    let store = open(&database).await;
    let since = task.version();
    let [on_time] = fired(&store, &alice, since).await[..] else { panic!("not one reminder") };
    assert_eq!((on_time.number, on_time.late_by.is_some_and(|seconds| seconds < 11)), (1, false));

    let snoozed = tasks::snooze(&store, &alice, task.id, (1, 10)).await.unwrap();
    let in_ten_minutes = Utc::now() + TimeDelta::minutes(10);
    assert_eq!(tasks::get(&store, &alice, task.id).await.unwrap(), task, "the task and its version stay");
    let at = connection
        .query_one_raw(Statement::from_string(connection.get_database_backend(), format!("SELECT at FROM {first}")))
        .await
        .unwrap()
        .and_then(|row| DateTime::from_timestamp_micros(row.try_get("", "at").unwrap()))
        .unwrap();
    assert!(at == snoozed && at <= in_ten_minutes && at > in_ten_minutes - TimeDelta::minutes(5));
    for (number, is_refused) in [(0, true), (2, false), (3, true), (u16::MAX, true)] {
        let snoozed = tasks::snooze(&store, &alice, task.id, (number, 60)).await;
        assert_eq!(matches!(snoozed, Err(service::Error::NoReminder)), is_refused, "{number}: {snoozed:?}");
    }
    execute(&connection, &of_first(Utc::now().timestamp_micros())).await;
    fire_until_none(&[store], &connection, &first).await;
    let store = open(&database).await;
    assert_eq!(fired(&store, &alice, since).await.len(), 2);
    assert_eq!(count(&connection, &format!("{DUE} AND n = 2")).await, 1, "it is not due");
}

#[on_both_databases]
async fn reminders_of_completed_and_deleted_tasks_do_not_fire_and_come_back_with_an_open_task(database: TestDatabase) {
    let (store, alice, connection) = (open(&database).await, caller("alice"), database.connect().await);
    let schedule = || reminding(&[TimeDelta::hours(1)]);
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(create(&store, &alice, schedule()).await.id);
    }
    let [completed, reopened, deleted, open_task] = ids[..] else { panic!() };
    for id in [completed, reopened] {
        tasks::set_completed(&store, &alice, id, true, &ANY).await.unwrap();
    }
    let last = tasks::set_completed(&store, &alice, reopened, false, &ANY).await.unwrap().value;
    tasks::delete(&store, &alice, deleted, &ANY).await.unwrap();
    let refused = tasks::snooze(&store, &alice, completed, (1, 10)).await;
    assert!(matches!(refused, Err(service::Error::Completed)), "{refused:?}");
    make_due(&connection, 1).await;
    fire_until_none(&[store], &connection, DUE).await;
    let store = open(&database).await;
    let mut fired: Vec<i64> =
        fired(&store, &alice, last.version()).await.iter().map(|reminder| reminder.task_id).collect();
    fired.sort_unstable();
    assert_eq!(fired, [reopened, open_task]);
}

#[tokio::test]
async fn an_owner_who_is_locked_does_not_delay_the_others_and_fires_afterwards() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let (store, connection) = (open(&database).await, database.connect().await);
    for name in ["alice", "bob"] {
        create(&store, &caller(name), reminding(&[TimeDelta::hours(1)])).await;
    }
    make_due(&connection, 1).await;
    execute(&connection, "UPDATE task_reminder SET at = at - 1 WHERE user_id = 'alice'").await;
    let locking = database.connect().await.begin().await.unwrap();
    locking.execute_unprepared("SELECT * FROM task_owner WHERE user_id = 'alice' FOR UPDATE").await.unwrap();
    let watching = async {
        while count(&connection, &format!("{DUE} AND user_id = 'bob'")).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(count(&connection, &format!("{DUE} AND user_id = 'alice'")).await, 1);
        locking.rollback().await.unwrap();
        while count(&connection, DUE).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        store.firing().stop();
    };
    tokio::join!(reminders::fire(store.clone(), |_| {}), watching);
    assert_eq!(count(&connection, FIRED).await, 2);
}
