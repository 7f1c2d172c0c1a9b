//! Requests that are sent again with the same idempotency key.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test chooses its callers")]

use std::num::NonZero;

use futures_util::future::join_all;
use service::tasks::{
    self, Change, Changes, Conditions, Description, Due, IdempotencyKey, NewTask, Precondition, Priority, Tags, Task,
    Title, Written,
};
use service::{Caller, DbConfig, Error, Store, UserId, me};
use testing::{TestDatabase, on_both_databases};

fn user(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

async fn open(database: &TestDatabase) -> (Store, Caller) {
    (Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), user("alice"))
}

fn key(name: &str, fingerprint: &str) -> IdempotencyKey {
    IdempotencyKey::parse(name, fingerprint.to_owned()).unwrap()
}

fn with_key(name: &str) -> Conditions {
    Conditions { key: Some(key(name, "the same")), ..Conditions::default() }
}

fn new(title: &str) -> NewTask {
    NewTask::new(Title::parse(title).unwrap())
}

fn title(text: &str) -> Changes {
    Changes { title: Change::To(Title::parse(text).unwrap()), ..Changes::default() }
}

/// A task with a value in every field.
fn full() -> NewTask {
    NewTask {
        description: Some(Description::parse("Ä \"description\"".to_owned()).unwrap()),
        priority: Priority::High,
        tags: Tags::parse(vec!["Home".to_owned(), "ß".to_owned()]).unwrap(),
        due: Some(Due::parse("2026-01-31T09:00:00+01:00".to_owned()).unwrap()),
        ..new("Task")
    }
}

fn now<T>(value: T) -> Written<T> {
    Written { value, is_replay: false }
}

fn replay<T>(value: T) -> Written<T> {
    Written { value, is_replay: true }
}

#[on_both_databases]
async fn a_repeated_create_makes_one_task_and_returns_it_as_it_was_created(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let created = tasks::create(&store, &alice, full(), Some(key("k", "f"))).await.unwrap();
    assert!(!created.is_replay);
    tasks::toggle_completed(&store, &alice, created.value.id, &Conditions::default()).await.unwrap();
    assert_eq!(
        tasks::create(&store, &alice, full(), Some(key("k", "f"))).await.unwrap(),
        replay(created.value.clone())
    );
    tasks::delete(&store, &alice, created.value.id, &Conditions::default()).await.unwrap();
    assert_eq!(tasks::create(&store, &alice, full(), Some(key("k", "f"))).await.unwrap(), replay(created.value));
    assert_eq!(tasks::summary(&store, &alice, tasks::Zone::default()).await.unwrap().all, 0);
}

#[on_both_databases]
async fn a_repeated_change_is_done_once_and_returns_the_task_as_it_was_then(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, full(), None).await.unwrap().value;
    let every_field = Changes {
        title: Change::To(Title::parse("Other").unwrap()),
        description: Change::To(None),
        completed: Change::To(true),
        priority: Change::To(Priority::Low),
        tags: Change::To(Tags::default()),
        due: Change::To(None),
        schedule: None,
    };
    let changes = [title("Milk"), every_field, Changes { priority: Change::To(Priority::None), ..Changes::default() }];
    for (number, changes) in changes.into_iter().enumerate() {
        let conditions = with_key(&number.to_string());
        let changed = tasks::update(&store, &alice, task.id, changes.clone(), &conditions).await.unwrap();
        assert!(!changed.is_replay);
        assert_eq!(tasks::get(&store, &alice, task.id).await.unwrap(), changed.value);
        tasks::update(&store, &alice, task.id, title("Later"), &Conditions::default()).await.unwrap();
        let repeated = tasks::update(&store, &alice, task.id, changes, &conditions).await.unwrap();
        assert_eq!(repeated, replay(changed.value));
    }
    let flipped = tasks::toggle_completed(&store, &alice, task.id, &with_key("flip")).await.unwrap();
    for _ in 0..3 {
        let again = tasks::toggle_completed(&store, &alice, task.id, &with_key("flip")).await.unwrap();
        assert_eq!(again, replay(flipped.value.clone()));
    }
    assert_eq!(tasks::get(&store, &alice, task.id).await.unwrap(), flipped.value);
}

#[on_both_databases]
async fn a_repeated_delete_returns_the_task_although_it_is_gone(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, full(), None).await.unwrap().value;
    let conditions = Conditions { precondition: Precondition::OneOf(vec![task.version()]), ..with_key("k") };
    assert_eq!(tasks::delete(&store, &alice, task.id, &conditions).await.unwrap(), now(task.clone()));
    assert_eq!(tasks::delete(&store, &alice, task.id, &conditions).await.unwrap(), replay(task.clone()));
    let several = Conditions { precondition: Precondition::OneOf(vec![7, task.version()]), ..conditions };
    assert_eq!(tasks::delete(&store, &alice, task.id, &several).await.unwrap(), replay(task));
}

#[on_both_databases]
async fn a_key_that_was_used_for_a_different_request_is_refused_and_nothing_is_written(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, new("Milk"), Some(key("k", "first"))).await.unwrap().value;
    let conditions = Conditions { key: Some(key("k", "second")), ..Conditions::default() };
    let refused = [
        tasks::create(&store, &alice, new("Oat milk"), Some(key("k", "second"))).await,
        tasks::update(&store, &alice, task.id, title("Oat milk"), &conditions).await,
        tasks::update(&store, &alice, task.id, Changes::default(), &conditions).await,
        tasks::toggle_completed(&store, &alice, task.id, &conditions).await,
        tasks::delete(&store, &alice, task.id, &conditions).await,
        // Before the error that it would be without the key.
        tasks::delete(&store, &alice, task.id + 1, &conditions).await,
        tasks::merge(&store, &alice, task.id, title("Oat milk"), &stale(&task, "second"))
            .await
            .map(|merged| merged.task),
    ];
    for (place, refused) in refused.into_iter().enumerate() {
        assert!(matches!(refused, Err(Error::KeyReused)), "{place}: {refused:?}");
    }
    for bulk in [
        tasks::complete_all(&store, &alice, &conditions).await,
        tasks::delete_completed(&store, &alice, &conditions).await,
    ] {
        assert!(matches!(bulk, Err(Error::KeyReused)), "{bulk:?}");
    }
    assert_eq!(tasks::get(&store, &alice, task.id).await.unwrap(), task);
    // Another user's key is another key.
    assert!(!tasks::create(&store, &user("bob"), new("Milk"), Some(key("k", "second"))).await.unwrap().is_replay);
}

/// Conditions that no longer hold, with the key "k".
fn stale(task: &Task, fingerprint: &str) -> Conditions {
    Conditions { precondition: Precondition::OneOf(vec![task.version() - 1]), key: Some(key("k", fingerprint)) }
}

#[on_both_databases]
async fn a_request_that_writes_nothing_claims_no_key(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, new("Milk"), None).await.unwrap().value;
    let delete = async |id, conditions: &Conditions| tasks::delete(&store, &alice, id, conditions).await;
    assert!(matches!(delete(task.id + 1, &with_key("k")).await, Err(Error::NotFound)));
    assert!(matches!(delete(task.id, &stale(&task, "the same")).await, Err(Error::Stale(_))));
    assert_eq!(tasks::delete_completed(&store, &alice, &with_key("k")).await.unwrap(), now(0));
    let unchanged = tasks::update(&store, &alice, task.id, Changes::default(), &with_key("k")).await.unwrap();
    assert_eq!(unchanged, now(task.clone()));
    assert_eq!(delete(task.id, &with_key("k")).await.unwrap(), now(task));
}

#[on_both_databases]
async fn concurrent_requests_with_one_key_are_one_request(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let servers = [store, Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap()];
    let created =
        join_all(
            (0..60).map(|n| {
                let (store, alice) = (&servers[n % 2], &alice);
                async move {
                    tasks::create(store, alice, new("Milk"), Some(key(&format!("k{}", n % 3), "f"))).await.unwrap()
                }
            }),
        )
        .await;
    assert_eq!(created.iter().filter(|created| !created.is_replay).count(), 3);
    let mut ids: Vec<i64> = created.iter().map(|created| created.value.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let id = ids[0];
    // A request without an effect between them does not take the key.
    let toggled = join_all((0..40).map(|n| {
        let (store, alice, id) = (&servers[n % 2], &alice, if n % 4 == 0 { id + 1000 } else { id });
        async move { tasks::toggle_completed(store, alice, id, &with_key("toggle")).await }
    }))
    .await;
    let done: Vec<_> = toggled.into_iter().flatten().collect();
    assert_eq!(done.iter().filter(|written| !written.is_replay).count(), 1);
    assert!(tasks::get(&servers[0], &alice, id).await.unwrap().completed);
}

#[on_both_databases]
async fn a_repeated_bulk_edit_returns_the_number_of_the_first(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    for n in 0..3 {
        tasks::create(&store, &alice, new(&n.to_string()), None).await.unwrap();
    }
    let state = tasks::state(&store, &alice).await.unwrap();
    let conditions = Conditions { precondition: Precondition::OneOf(vec![state]), ..with_key("complete") };
    assert_eq!(tasks::complete_all(&store, &alice, &conditions).await.unwrap(), now(3));
    tasks::create(&store, &alice, new("later"), None).await.unwrap();
    // The precondition no longer holds, and the replay comes first.
    assert_eq!(tasks::complete_all(&store, &alice, &conditions).await.unwrap(), replay(3));
    assert_eq!(tasks::delete_completed(&store, &alice, &with_key("delete")).await.unwrap(), now(3));
    assert_eq!(tasks::delete_completed(&store, &alice, &with_key("delete")).await.unwrap(), replay(3));
    assert_eq!(tasks::summary(&store, &alice, tasks::Zone::default()).await.unwrap().all, 1);
}

#[on_both_databases]
async fn a_repeated_restoration_and_a_repeated_wipe_of_the_trash_are_done_once(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, full(), None).await.unwrap().value;
    let restore =
        async |name: &str, fingerprint| tasks::restore(&store, &alice, task.id, Some(key(name, fingerprint))).await;
    tasks::delete(&store, &alice, task.id, &Conditions::default()).await.unwrap();
    let restored = restore("k", "f").await.unwrap();
    assert!(!restored.is_replay);
    // A restoration that finds the task claims no key.
    assert_eq!(restore("l", "f").await.unwrap(), now(restored.value.clone()));
    tasks::delete(&store, &alice, task.id, &Conditions::default()).await.unwrap();
    assert_eq!(restore("k", "f").await.unwrap(), replay(restored.value));
    assert!(matches!(restore("k", "g").await, Err(Error::KeyReused)));
    let wipe = async |name| tasks::wipe_trash(&store, &alice, Some(key(name, "f"))).await.unwrap();
    assert_eq!(wipe("wipe").await, now(1));
    assert_eq!(wipe("wipe").await, replay(1));
    assert_eq!(wipe("other").await, now(0));
}

#[on_both_databases]
async fn a_replay_needs_no_place_in_the_quota_and_a_replay_takes_none(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let store = store.with_max_tasks(NonZero::new(2));
    let first = tasks::create(&store, &alice, new("1"), Some(key("k", "f"))).await.unwrap().value;
    for _ in 0..3 {
        assert!(tasks::create(&store, &alice, new("1"), Some(key("k", "f"))).await.unwrap().is_replay);
    }
    tasks::create(&store, &alice, new("2"), Some(key("l", "f"))).await.unwrap();
    assert_eq!(tasks::create(&store, &alice, new("1"), Some(key("k", "f"))).await.unwrap(), replay(first));
    assert!(matches!(tasks::create(&store, &alice, new("3"), Some(key("m", "f"))).await, Err(Error::TooManyTasks)));
}

#[on_both_databases]
async fn repetitions_take_no_place_in_the_quota_from_a_request_beside_them(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let store = store.with_max_tasks(NonZero::new(10));
    let create = |n: usize| tasks::create(&store, &alice, new("t"), Some(key(&n.to_string(), "f")));
    for n in 0..9 {
        create(n).await.unwrap();
    }
    // The new one is the last of them.
    let created = join_all((0..9).chain(0..9).chain([9]).map(create)).await;
    let is_replay: Vec<bool> = created.into_iter().map(|created| created.unwrap().is_replay).collect();
    assert_eq!(is_replay, [vec![true; 18], vec![false]].concat());
    // Then there is no place left, also not for the second of two.
    assert!(matches!(create(10).await, Err(Error::TooManyTasks)));
    let both = join_all([create(0), create(11), create(1), create(12)]).await;
    assert_eq!(both.iter().filter(|created| created.is_err()).count(), 2);
}

#[on_both_databases]
async fn a_key_of_a_bulk_edit_is_refused_by_a_merge(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, new("Milk"), None).await.unwrap().value;
    let task = match tasks::complete_all(&store, &alice, &with_key("k")).await.unwrap() {
        Written { value: 1, is_replay: false } => tasks::get(&store, &alice, task.id).await.unwrap(),
        other => unreachable!("{other:?}"),
    };
    for version in [task.version(), task.version() - 1] {
        let conditions = Conditions { precondition: Precondition::OneOf(vec![version]), ..with_key("k") };
        let merged = tasks::merge(&store, &alice, task.id, title("Oat milk"), &conditions).await;
        assert!(matches!(merged, Err(Error::KeyReused)), "{merged:?}");
    }
}

#[on_both_databases]
async fn a_merge_with_a_key_is_done_once(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, new("Milk"), None).await.unwrap().value;
    let high = Changes { priority: Change::To(Priority::High), ..Changes::default() };
    tasks::update(&store, &alice, task.id, high, &Conditions::default()).await.unwrap();
    let conditions = Conditions { precondition: Precondition::OneOf(vec![task.version()]), ..with_key("k") };
    let merge = async || {
        let before = store.db().statements();
        let merged = tasks::merge(&store, &alice, task.id, title("Oat milk"), &conditions).await.unwrap();
        (merged.task, merged.is_merged, store.db().statements() - before)
    };
    let (merged, is_merged, statements) = merge().await;
    assert_eq!((merged.is_replay, is_merged, statements), (false, true, 3));
    tasks::update(&store, &alice, task.id, title("Soy milk"), &Conditions::default()).await.unwrap();
    // Now it would be a conflict.
    assert_eq!(merge().await, (replay(merged.value), false, 2));
}

#[on_both_databases]
async fn a_key_costs_no_statement_and_a_replay_costs_one(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let task = tasks::create(&store, &alice, new("Milk"), None).await.unwrap().value;
    for expected in [1, 2] {
        let before = store.db().statements();
        tasks::toggle_completed(&store, &alice, task.id, &with_key("k")).await.unwrap();
        assert_eq!(store.db().statements() - before, expected);
    }
}

#[on_both_databases]
async fn an_erasure_erases_the_keys(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    tasks::create(&store, &alice, new("Milk"), Some(key("k", "f"))).await.unwrap();
    me::erase(&store, &alice).await.unwrap();
    assert!(!tasks::create(&store, &alice, new("Milk"), Some(key("k", "f"))).await.unwrap().is_replay);
}
