//! Batches of one owner on tables that are split by owner.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test chooses its callers, and reads the database with statements of its own"
)]

use std::num::NonZero;

use futures_util::future::join_all;
use service::tasks::{self, Change, Changes, Conditions, NewTask, Title};
use service::{Caller, DbConfig, Error, Store, UserId};
use testing::{ConnectionTrait, DbBackend, Statement, TestDatabase};

fn user(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

fn new(title: &str) -> NewTask {
    NewTask::new(Title::parse(title).unwrap())
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> i64 {
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get("", "number").unwrap()
}

/// Requires that the row of alice has the number of her last change, and the number of her tasks. Returns the former.
async fn clock_of_alice(connection: &impl ConnectionTrait) -> i64 {
    let clock = number(connection, "SELECT clock AS number FROM task_owner WHERE user_id = 'alice'").await;
    let last = number(connection, "SELECT max(at) AS number FROM task_change WHERE user_id = 'alice'").await;
    let counted = number(connection, "SELECT tasks AS number FROM task_owner WHERE user_id = 'alice'").await;
    let tasks = number(connection, "SELECT count(*) AS number FROM task WHERE user_id = 'alice'").await;
    assert_eq!((clock, counted), (last, tasks));
    clock
}

#[tokio::test]
async fn the_clock_and_the_count_of_an_owner_are_those_of_the_writes_that_were_done() {
    let Some(database) = TestDatabase::partitioned().await else { return };
    let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap().with_max_tasks(NonZero::new(6));
    let (alice, connection, any) = (user("alice"), database.connect().await, Conditions::default());

    // The first is sent alone, and the others together. The last ones are refused.
    let created = join_all((0..8).map(|_| tasks::create(&store, &alice, new("t"), None))).await;
    let ids: Vec<i64> = created.iter().flatten().map(|written| written.value.id).collect();
    assert_eq!(ids.len(), 6);
    assert!(created.iter().flatten().all(|written| written.value.created_at == written.value.updated_at));
    let before = clock_of_alice(&connection).await;
    assert!(matches!(tasks::create(&store, &alice, new("t"), None).await, Err(Error::TooManyTasks)));
    assert_eq!(clock_of_alice(&connection).await, before, "nothing was written");

    // Of several requests, some find no task.
    let missing = |n: usize| 1_000_000 + i64::try_from(n).unwrap();
    let with_missing: Vec<i64> = ids.iter().enumerate().flat_map(|(n, id)| [*id, missing(n)]).collect();
    for round in [true, false] {
        let toggled = join_all(with_missing.iter().map(|id| tasks::toggle_completed(&store, &alice, *id, &any))).await;
        assert_eq!(toggled.iter().flatten().filter(|written| written.value.completed == round).count(), ids.len());
        assert!(clock_of_alice(&connection).await > before);
    }
    let to_new = Changes { title: Change::To(Title::parse("new").unwrap()), ..Changes::default() };
    let renames = with_missing.iter().map(|id| tasks::update(&store, &alice, *id, to_new.clone(), &any));
    let updated = join_all(renames).await;
    assert_eq!(updated.iter().flatten().filter(|written| written.value.title == "new").count(), ids.len());
    let before = clock_of_alice(&connection).await;

    // Alone, a request that finds no task writes nothing.
    assert!(matches!(tasks::toggle_completed(&store, &alice, missing(0), &any).await, Err(Error::NotFound)));
    assert!(matches!(tasks::delete(&store, &alice, missing(0), &any).await, Err(Error::NotFound)));
    assert_eq!(clock_of_alice(&connection).await, before);

    // A row of another program that cannot be read.
    let spoil = format!("UPDATE task SET priority = 77 WHERE user_id = 'alice' AND id = {}", ids[0]);
    connection.execute_unprepared(&spoil).await.unwrap();
    assert!(matches!(tasks::toggle_completed(&store, &alice, ids[0], &any).await, Err(Error::Database(_))));
    assert_eq!(clock_of_alice(&connection).await, before);

    let deleted = join_all(with_missing[2..].iter().map(|id| tasks::delete(&store, &alice, *id, &any))).await;
    assert_eq!(deleted.iter().flatten().count(), ids.len() - 1);
    assert!(clock_of_alice(&connection).await > before);
    store.close().await.unwrap();
}
