//! Deleted tasks: the trash, their restoration, and its wiping.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test chooses its callers, and looks into the tables")]

use std::num::NonZero;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use service::tasks::{
    self, Change, Changes, Conditions, Description, Due, FeedItem, ListQuery, NewTask, Precondition, Priority, Start,
    Tags, Task, Title, TrashPage, WholeTrash,
};
use service::{Caller, DbConfig, Error, Store, UserId, me};
use testing::{TestDatabase, on_both_databases};

const ANY: Conditions = Conditions { precondition: Precondition::Exists, key: None };

async fn open(database: &TestDatabase) -> (Store, DatabaseConnection) {
    (Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), database.connect().await)
}

fn caller(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

fn new(title: &str) -> NewTask {
    NewTask::new(Title::parse(title).unwrap())
}

async fn create(store: &Store, caller: &Caller) -> Task {
    tasks::create(store, caller, new("t"), None).await.unwrap().value
}

async fn delete(store: &Store, caller: &Caller, id: i64) -> Task {
    tasks::delete(store, caller, id, &ANY).await.unwrap().value
}

async fn texts(connection: &DatabaseConnection, query: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn count(connection: &DatabaseConnection, query: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), query);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// The ids of the caller's trash, read in pages of this size.
async fn trash(store: &Store, caller: &Caller, limit: u32) -> Vec<i64> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let TrashPage { tasks, next } = tasks::trash(store, caller, limit, after).await.unwrap();
        assert!(tasks.is_sorted_by_key(|deleted| std::cmp::Reverse(deleted.deleted_at)));
        ids.extend(tasks.iter().map(|deleted| deleted.task.id));
        if next.is_none() {
            return ids;
        }
        after = next;
    }
}

#[on_both_databases]
async fn a_restored_task_is_stored_as_it_was_but_for_its_version(database: TestDatabase) {
    let (store, connection) = open(&database).await;
    let alice = caller("alice");
    let full = NewTask {
        title: Title::parse("Crème Brûlée").unwrap(),
        description: Some(Description::parse("Été").unwrap()),
        priority: Priority::High,
        tags: Tags::parse(vec!["ÉCOLE".to_owned(), "a, b".to_owned()]).unwrap(),
        due: Some(Due::parse("2026-01-31T09:30:00+01:00").unwrap()),
        schedule: None,
    };
    let columns = [
        "user_id",
        "title",
        "title_folded",
        "description",
        "description_folded",
        "completed",
        "created_at",
        "completed_at",
        "priority",
        "tags",
        "tags_folded",
        "due_date",
        "due_at",
    ];
    let columns = columns.map(|column| format!("COALESCE(CAST({column} AS text), 'null')")).join(" || '|' || ");
    let first = create(&store, &alice).await;
    let second = tasks::create(&store, &alice, full, None).await.unwrap().value;
    tasks::toggle_completed(&store, &alice, second.id, &ANY).await.unwrap();
    let stored = texts(&connection, &format!("SELECT {columns} FROM task ORDER BY id")).await;
    for id in [first.id, second.id] {
        let deleted = delete(&store, &alice, id).await;
        let restored = tasks::restore(&store, &alice, id, None).await.unwrap().value;
        assert!(restored.version() > deleted.version());
        assert_eq!(restored, Task { updated_at: restored.updated_at, ..deleted });
        assert_eq!(tasks::get(&store, &alice, id).await.unwrap(), restored);
        assert_eq!(tasks::state(&store, &alice).await.unwrap(), restored.version());
    }
    assert_eq!(texts(&connection, &format!("SELECT {columns} FROM task ORDER BY id")).await, stored);
    assert_eq!(count(&connection, "SELECT tasks FROM task_owner").await, 2);
    assert_eq!(trash(&store, &alice, 10).await, [0; 0]);
}

#[on_both_databases]
async fn restoring_a_task_that_exists_writes_nothing(database: TestDatabase) {
    let (store, connection) = open(&database).await;
    let alice = caller("alice");
    let task = create(&store, &alice).await;
    assert_eq!(tasks::restore(&store, &alice, task.id, None).await.unwrap().value, task);
    delete(&store, &alice, task.id).await;
    let restored = tasks::restore(&store, &alice, task.id, None).await.unwrap().value;
    assert_eq!(tasks::restore(&store, &alice, task.id, None).await.unwrap().value, restored);
    assert_eq!(tasks::state(&store, &alice).await.unwrap(), restored.version());
    let changes = "SELECT CAST(kind AS text) || CASE WHEN title IS NULL THEN '' ELSE ' with image' END FROM task_change ORDER BY at";
    assert_eq!(texts(&connection, changes).await, ["1", "3 with image", "4"]);
}

#[on_both_databases]
async fn only_tasks_of_the_callers_own_trash_are_restored(database: TestDatabase) {
    let (store, connection) = open(&database).await;
    let [alice, bob] = ["alice", "bob"].map(caller);
    let [kept, deleted, old, wiped] = [
        create(&store, &alice).await,
        create(&store, &alice).await,
        create(&store, &alice).await,
        create(&store, &alice).await,
    ];
    delete(&store, &alice, wiped.id).await;
    assert_eq!(tasks::wipe_trash(&store, &alice, None).await.unwrap().value, 1);
    for task in [&deleted, &old] {
        delete(&store, &alice, task.id).await;
    }
    create(&store, &bob).await;
    // A day more than the history is kept, and not swept yet.
    let day = 24 * 3600 * 1_000_000_i64;
    let age = format!("UPDATE task_change SET at = at - {} WHERE kind = 3 AND task_id = {}", 31 * day, old.id);
    connection.execute_unprepared(&age).await.unwrap();
    for id in [kept.id, deleted.id, old.id, wiped.id, 999, 0, -1] {
        assert!(matches!(tasks::restore(&store, &bob, id, None).await, Err(Error::NotFound)), "{id}");
    }
    for id in [old.id, wiped.id, 999] {
        assert!(matches!(tasks::restore(&store, &alice, id, None).await, Err(Error::NotFound)), "{id}");
    }
    assert_eq!(trash(&store, &alice, 10).await, [deleted.id]);
    assert_eq!(trash(&store, &bob, 10).await, [0; 0]);
    assert_eq!(trash(&store, &caller("newcomer"), 10).await, [0; 0]);
    me::erase(&store, &alice).await.unwrap();
    assert!(matches!(tasks::restore(&store, &alice, deleted.id, None).await, Err(Error::NotFound)));
    assert_eq!(trash(&store, &alice, 10).await, [0; 0]);
}

#[on_both_databases]
async fn of_concurrent_restorations_no_more_succeed_than_the_quota_allows(database: TestDatabase) {
    let (store, connection) = open(&database).await;
    // Two processes.
    let other = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    let [store, other] = [store, other].map(|store| store.with_max_tasks(NonZero::new(4)));
    let alice = caller("alice");
    let mut ids = Vec::new();
    for _ in 0..3 {
        for _ in 0..4 {
            ids.push(create(&store, &alice).await.id);
        }
        tasks::complete_all(&store, &alice, &ANY).await.unwrap();
        assert_eq!(tasks::delete_completed(&store, &alice, &ANY).await.unwrap().value, 4);
    }
    create(&store, &alice).await;
    let (stores, alice) = ([&store, &other], &alice);
    // Each is restored by both processes.
    let twice =
        ids.iter().flat_map(|id| stores.map(|store| async move { tasks::restore(store, alice, *id, None).await }));
    let mut outcomes = join_all(twice).await;
    let refused = outcomes.extract_if(.., |outcome| matches!(outcome, Err(Error::TooManyTasks))).count();
    let mut restored: Vec<Task> = outcomes.into_iter().map(|outcome| outcome.unwrap().value).collect();
    restored.sort_unstable_by_key(|task| task.id);
    restored.dedup();
    assert_eq!((restored.len(), refused), (3, 18));
    assert_eq!(count(&connection, "SELECT count(*) FROM task_change WHERE kind = 4").await, 3);
    assert_eq!(count(&connection, "SELECT tasks FROM task_owner").await, 4);
    assert_eq!(count(&connection, "SELECT count(*) FROM task").await, 4);
    assert_eq!(trash(&store, alice, 2).await.len(), 9);
}

#[on_both_databases]
async fn a_task_that_is_deleted_and_restored_many_times_is_in_the_feed_and_in_the_trash_once(database: TestDatabase) {
    let (store, _) = open(&database).await;
    let alice = caller("alice");
    let [task, other] = [create(&store, &alice).await, create(&store, &alice).await];
    let begin = tasks::state(&store, &alice).await.unwrap();
    let mut restored = task.clone();
    for round in 0..20 {
        delete(&store, &alice, task.id).await;
        if round % 5 == 0 {
            assert_eq!(trash(&store, &alice, 1).await, [task.id]);
        }
        restored = tasks::restore(&store, &alice, task.id, None).await.unwrap().value;
    }
    let feed = tasks::changes(&store, &alice, begin, 10).await.unwrap();
    assert_eq!(feed.items, [FeedItem::Changed(restored)]);
    assert_eq!(trash(&store, &alice, 1).await, [0; 0]);
    delete(&store, &alice, task.id).await;
    delete(&store, &alice, other.id).await;
    let ids = |items: &[FeedItem]| -> Vec<i64> {
        let id = |item: &FeedItem| if let FeedItem::Deleted { id, .. } = item { *id } else { panic!("{item:?}") };
        items.iter().map(id).collect()
    };
    let feed = tasks::changes(&store, &alice, begin, 10).await.unwrap();
    assert_eq!(ids(&feed.items), [task.id, other.id]);
    for limit in 1..4 {
        assert_eq!(trash(&store, &alice, limit).await, [other.id, task.id]);
    }
}

#[on_both_databases]
async fn a_page_of_the_trash_looks_at_5000_deletions_and_can_be_empty(database: TestDatabase) {
    let (store, connection) = open(&database).await;
    let alice = caller("alice");
    let task = create(&store, &alice).await;
    let deleted = delete(&store, &alice, task.id).await;
    // As if another task was deleted and restored very often, and wiped.
    let many = format!(
        "INSERT INTO task_change (user_id, at, task_id, kind)
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 5000)
        SELECT 'alice', {} + n, 999999, 3 FROM number",
        tasks::state(&store, &alice).await.unwrap()
    );
    connection.execute_unprepared(&many).await.unwrap();
    let first = tasks::trash(&store, &alice, 10, None).await.unwrap();
    assert!(first.tasks.is_empty() && first.next.is_some(), "{first:?}");
    let second = tasks::trash(&store, &alice, 10, first.next).await.unwrap();
    assert_eq!((second.tasks.len(), &second.tasks[0].task, second.next), (1, &deleted, None));
    let mut whole = WholeTrash::new(&store, &alice);
    let mut parts = Vec::new();
    while !whole.is_over() {
        parts.push(whole.next_part().await.unwrap().len());
    }
    assert_eq!(parts, [0, 1]);
}

#[on_both_databases]
async fn wiping_removes_every_image_of_deleted_tasks_and_none_of_others(database: TestDatabase) {
    let (store, connection) = open(&database).await;
    let [alice, bob] = ["alice", "bob"].map(caller);
    let [gone, kept, restored] =
        [create(&store, &alice).await, create(&store, &alice).await, create(&store, &alice).await];
    let changes = Changes { title: Change::To(Title::parse("a secret").unwrap()), ..Changes::default() };
    for task in [&gone, &kept, &restored] {
        tasks::update(&store, &alice, task.id, changes.clone(), &ANY).await.unwrap();
        tasks::toggle_completed(&store, &alice, task.id, &ANY).await.unwrap();
    }
    for task in [&gone, &restored] {
        delete(&store, &alice, task.id).await;
        tasks::restore(&store, &alice, task.id, None).await.unwrap();
    }
    delete(&store, &alice, gone.id).await;
    let his = create(&store, &bob).await;
    delete(&store, &bob, his.id).await;
    let state = tasks::state(&store, &alice).await.unwrap();
    let begin = state - 3600 * 1_000_000;
    connection.execute_unprepared("UPDATE task_owner SET \"begin\" = 1").await.unwrap();
    let feed = tasks::changes(&store, &alice, begin, 10).await.unwrap();
    let images = format!("SELECT count(*) FROM task_change WHERE task_id = {} AND title IS NOT NULL", gone.id);
    let others = format!("SELECT count(*) FROM task_change WHERE task_id <> {} AND title IS NOT NULL", gone.id);
    assert_eq!((count(&connection, &images).await, count(&connection, &others).await), (4, 6));
    assert_eq!(tasks::wipe_trash(&store, &alice, None).await.unwrap().value, 1);
    assert_eq!((count(&connection, &images).await, count(&connection, &others).await), (0, 6));
    for column in ["description", "created_at", "updated_at", "completed", "priority", "tags", "due_date"] {
        let left = format!("SELECT count(*) FROM task_change WHERE task_id = {} AND {column} IS NOT NULL", gone.id);
        assert_eq!(count(&connection, &left).await, 0, "{column}");
    }
    // No task has changed.
    assert_eq!(tasks::state(&store, &alice).await.unwrap(), state);
    assert_eq!(tasks::changes(&store, &alice, begin, 10).await.unwrap(), feed);
    assert_eq!(tasks::wipe_trash(&store, &alice, None).await.unwrap().value, 0);
    assert_eq!(tasks::wipe_trash(&store, &caller("newcomer"), None).await.unwrap().value, 0);
    assert!(matches!(tasks::restore(&store, &alice, gone.id, None).await, Err(Error::NotFound)));
    assert_eq!(trash(&store, &bob, 10).await, [his.id]);
    let all = tasks::list(&store, &alice, &ListQuery::default(), 10, Start::Beginning).await.unwrap();
    assert_eq!(all.tasks.len(), 2);
}
