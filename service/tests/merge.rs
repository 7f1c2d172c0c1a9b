//! Changes that are merged with those of others (`tasks::merge`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test chooses its callers")]

use service::tasks::{self, Change, Changes, Conditions, NewTask, Precondition, Priority, Task, Title};
use service::{Caller, DbConfig, Error, Store, UserId};
use testing::{TestDatabase, on_both_databases};

async fn store_with_task(database: &TestDatabase) -> (Store, Caller, Task) {
    let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    let alice = Caller::authenticated(UserId::parse("alice").unwrap());
    let task = tasks::create(&store, &alice, NewTask::new(Title::parse("Milk").unwrap()), None).await.unwrap().value;
    (store, alice, task)
}

fn title(text: &str) -> Changes {
    Changes { title: Change::To(Title::parse(text).unwrap()), ..Changes::default() }
}

fn high() -> Changes {
    Changes { priority: Change::To(Priority::High), ..Changes::default() }
}

fn from(task: &Task) -> Conditions {
    Precondition::OneOf(vec![task.version()]).into()
}

#[on_both_databases]
async fn changes_of_different_fields_are_merged_and_those_of_the_current_version_need_no_merge(database: TestDatabase) {
    let (store, alice, task) = store_with_task(&database).await;
    let fresh = tasks::merge(&store, &alice, task.id, title("Oat milk"), &from(&task)).await.unwrap();
    assert!(!fresh.is_merged);
    let merged = tasks::merge(&store, &alice, task.id, high(), &from(&task)).await.unwrap();
    assert!(merged.is_merged);
    assert_eq!((&*merged.task.value.title, merged.task.value.priority), ("Oat milk", Priority::High));
    // The same field is no conflict if both want the same.
    let same = tasks::merge(&store, &alice, task.id, title("Oat milk"), &from(&task)).await.unwrap();
    assert!(same.is_merged && same.task.value.title == "Oat milk");
}

#[on_both_databases]
async fn a_field_that_was_changed_to_something_else_is_named_and_nothing_is_written(database: TestDatabase) {
    let (store, alice, task) = store_with_task(&database).await;
    let changed = tasks::update(&store, &alice, task.id, title("Oat milk"), &from(&task)).await.unwrap().value;
    let both = Changes { priority: Change::To(Priority::Low), ..title("Soy milk") };
    let Err(Error::Stale(stale)) = tasks::merge(&store, &alice, task.id, both, &from(&task)).await else {
        panic!("it was merged")
    };
    assert_eq!(
        (stale.version, stale.current, stale.conflicts),
        (changed.version(), Some(changed.clone()), vec!["title"])
    );
    assert_eq!(tasks::get(&store, &alice, task.id).await.unwrap(), changed);
    // Back at the value that the caller knew, it is no conflict.
    tasks::update(&store, &alice, task.id, title("Milk"), &Conditions::default()).await.unwrap();
    assert!(tasks::merge(&store, &alice, task.id, title("Soy milk"), &from(&task)).await.unwrap().is_merged);
}

#[on_both_databases]
async fn a_version_that_the_task_never_had_has_no_base_and_a_deleted_task_is_not_found(database: TestDatabase) {
    let (store, alice, task) = store_with_task(&database).await;
    tasks::update(&store, &alice, task.id, title("Oat milk"), &Conditions::default()).await.unwrap();
    for version in [task.version() - 1, task.version() + 1, 0, i64::MAX, i64::MIN] {
        let unknown = Precondition::OneOf(vec![version]).into();
        let Err(Error::Stale(stale)) = tasks::merge(&store, &alice, task.id, high(), &unknown).await else {
            panic!("{version} was merged")
        };
        assert_eq!(stale.conflicts, [""; 0]);
    }
    let bob = Caller::authenticated(UserId::parse("bob").unwrap());
    assert!(matches!(tasks::merge(&store, &bob, task.id, high(), &from(&task)).await, Err(Error::NotOwner)));
    tasks::delete(&store, &alice, task.id, &Conditions::default()).await.unwrap();
    assert!(matches!(tasks::merge(&store, &alice, task.id, high(), &from(&task)).await, Err(Error::NotFound)));
}

#[on_both_databases]
async fn a_merge_takes_three_statements_and_a_failed_precondition_two(database: TestDatabase) {
    let (store, alice, task) = store_with_task(&database).await;
    tasks::update(&store, &alice, task.id, title("Oat milk"), &Conditions::default()).await.unwrap();
    let before = store.db().statements();
    assert!(tasks::update(&store, &alice, task.id, high(), &from(&task)).await.is_err());
    assert_eq!(store.db().statements() - before, 2);
    let before = store.db().statements();
    tasks::merge(&store, &alice, task.id, high(), &from(&task)).await.unwrap();
    assert_eq!(store.db().statements() - before, 3);
}
