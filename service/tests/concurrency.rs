//! Concurrent requests, which the service batches: each gets its own answer and its own failure.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

use std::time::Duration;

use futures_util::future::join_all;
use service::tasks::{
    self, Change, Changes, Conditions, Description, Due, ListQuery, NewTask, Precondition, Priority, Sort, SortBy,
    SortKey, Start, Tags, Task, Title,
};
use service::{Caller, DbConfig, Error, Store, UserId};
use testing::{
    Backend, ConnectionTrait, DbBackend, Fixture, Statement, TestDatabase, TransactionTrait, on_both_databases,
};

/// No condition.
const ANY: Conditions = Conditions { precondition: Precondition::Exists, key: None };

/// A database and the handle on it.
struct Opened {
    db: Store,
    database: TestDatabase,
}

impl Fixture for Opened {
    async fn on(database: TestDatabase) -> Self {
        Self { db: Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), database }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test chooses its callers")]
fn user(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

fn titled(title: &str) -> NewTask {
    NewTask::new(Title::parse(title).unwrap())
}

async fn create(db: &Store, caller: &Caller, title: &str) -> Task {
    tasks::create(db, caller, titled(title), None).await.unwrap().value
}

#[on_both_databases]
async fn concurrent_requests_take_few_statements_and_a_single_request_takes_one(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let counted = async |work: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let before = db.db().statements();
        work.await;
        db.db().statements() - before
    };
    let task = create(db, alice, "lone").await;
    let (one, two, three) = (db.clone(), db.clone(), db.clone());
    let caller = alice.clone();
    assert_eq!(counted(Box::pin(async move { drop(create(&one, &caller, "lone").await) })).await, 1);
    let caller = alice.clone();
    assert_eq!(counted(Box::pin(async move { drop(tasks::get(&two, &caller, task.id).await.unwrap()) })).await, 1);
    let caller = alice.clone();
    assert_eq!(
        counted(Box::pin(async move {
            drop(tasks::toggle_completed(&three, &caller, task.id, &ANY).await.unwrap().value);
        }))
        .await,
        1
    );
    let (many, caller) = (db.clone(), alice.clone());
    let sent = counted(Box::pin(async move {
        join_all((0..100).map(|n| {
            let (db, caller) = (many.clone(), caller.clone());
            async move { create(&db, &caller, &n.to_string()).await }
        }))
        .await;
    }))
    .await;
    // One for the first, and one for all the others. More only if the machine is so slow that a batch is late.
    assert!(sent <= 20, "{sent} statements");
}

#[on_both_databases]
async fn a_precondition_costs_no_statement_if_it_holds_and_one_if_it_does_not(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let task = create(db, alice, "t").await;
    let toggle = async |versions: &[i64]| {
        let before = db.db().statements();
        let toggled = tasks::toggle_completed(db, alice, task.id, &Precondition::OneOf(versions.to_vec()).into()).await;
        (toggled, db.db().statements() - before)
    };
    let (toggled, statements) = toggle(&[task.version()]).await;
    let current = toggled.unwrap().value;
    assert_eq!(statements, 1);
    for (stale, statements) in [(&[task.version()][..], 2), (&[1, 2], 1), (&[], 1)] {
        let (refused, sent) = toggle(stale).await;
        let found = if let Err(Error::Stale(stale)) = refused { stale.current } else { None };
        assert_eq!((found, sent), (Some(current.clone()), statements), "{stale:?}");
    }
    // Of several versions the task is read first.
    let (toggled, statements) = toggle(&[task.version(), current.version()]).await;
    assert_eq!((toggled.unwrap().value.completed, statements), (false, 2));
}

#[on_both_databases]
async fn a_grown_table_is_analyzed_on_postgresql(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let connection = opened.database.connect().await;
    if connection.get_database_backend() == DbBackend::Sqlite {
        // Its plans do not depend on how large the table is.
        return;
    }
    // The first of the row counts at which the service has the table analyzed, see `growth.rs`.
    for _ in 0..4 {
        join_all((0..250).map(|n| async move { create(db, alice, &n.to_string()).await })).await;
    }
    // `analyze_count` does not count autovacuum, which runs once a minute.
    let looked = "SELECT analyze_count AS times FROM pg_stat_user_tables WHERE relname = 'task'";
    let looked = Statement::from_string(connection.get_database_backend(), looked);
    let times = async || -> i64 {
        connection.query_one_raw(looked.clone()).await.unwrap().unwrap().try_get("", "times").unwrap()
    };
    let mut attempts = 200;
    while times().await == 0 && attempts > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        attempts -= 1;
    }
    assert_eq!(times().await, 1);
}

#[on_both_databases]
async fn each_caller_gets_only_their_own_tasks(opened: Opened) {
    let db = &opened.db;
    let users: Vec<Caller> = (0..10).map(|n| user(&format!("user {n}"))).collect();
    let created = join_all((0..300).map(|n| {
        let caller = &users[n % 10];
        async move { (n, create(db, caller, &format!("task {n}")).await) }
    }))
    .await;
    for (n, task) in &created {
        assert_eq!(task.title, format!("task {n}"));
    }
    // Every user asks for every task.
    let got = join_all(created.iter().flat_map(|(n, task)| {
        users
            .iter()
            .enumerate()
            .map(move |(user, caller)| async move { (*n, user, task, tasks::get(db, caller, task.id).await) })
    }))
    .await;
    for (n, user, task, got) in got {
        match got {
            Ok(got) => assert!(n % 10 == user && got == *task),
            Err(error) => assert!(n % 10 != user && matches!(error, Error::NotOwner), "{error}"),
        }
    }
    // Every user writes to every task.
    let written = join_all(created.iter().flat_map(|(n, task)| {
        users.iter().enumerate().map(move |(user, caller)| async move {
            let title = Change::To(Title::parse(format!("by {user}")).unwrap());
            (*n, user, tasks::update(db, caller, task.id, Changes { title, ..Changes::default() }, &ANY).await)
        })
    }))
    .await;
    for (n, user, written) in written {
        match written {
            Ok(task) => assert!(n % 10 == user && task.value.title == format!("by {user}")),
            Err(error) => assert!(n % 10 != user && matches!(error, Error::NotOwner), "{error}"),
        }
    }
    for (user, caller) in users.iter().enumerate() {
        let list = tasks::list(db, caller, &ListQuery::default(), 100, Start::Beginning).await.unwrap().tasks;
        assert!(list.len() == 30 && list.iter().all(|task| task.title == format!("by {user}")));
    }
}

#[on_both_databases]
async fn each_concurrent_list_is_complete_and_only_its_callers(opened: Opened) {
    let db = &opened.db;
    // Callers with no, few and many tasks alternate; the first and the last have none.
    let users: Vec<(Caller, usize)> =
        (0..91).map(|n| (user(&format!("user {n}")), [0, 1, 3, 30, 0, 5][n % 6])).collect();
    for (caller, count) in &users {
        join_all((0..*count).map(|n| async move { create(db, caller, &n.to_string()).await })).await;
    }
    let broken = "UPDATE task SET priority = 9 WHERE title = '29' AND user_id = 'user 3'";
    opened.database.connect().await.execute_unprepared(broken).await.unwrap();
    let before = db.db().statements();
    let lists = join_all(users.iter().enumerate().map(|(n, (caller, count))| async move {
        let limit = [1, 4, 100][n / 6 % 3];
        (n, *count, limit, tasks::list(db, caller, &ListQuery::default(), limit, Start::Beginning).await)
    }))
    .await;
    let sent = db.db().statements() - before;
    for (n, count, limit, list) in lists {
        if n == 3 {
            assert!(list.is_err());
            continue;
        }
        let list = list.unwrap();
        let expected: Vec<String> = (0..count).rev().take(limit as usize).map(|n| n.to_string()).collect();
        assert!(list.tasks.iter().map(|task| &task.title).eq(&expected), "user {n}: {:?}", list.tasks);
        assert_eq!(list.next.is_some(), count > limit as usize, "user {n}");
    }
    if opened.database.url().starts_with("postgres") {
        assert!(sent <= 10, "{sent} statements");
    }
}

#[on_both_databases]
async fn every_statement_reads_the_same_task(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let plain = create(db, alice, "plain").await;
    let full = NewTask {
        description: Some(Description::parse("d").unwrap()),
        priority: Priority::High,
        tags: Tags::parse(vec!["a".to_owned()]).unwrap(),
        due: Some(Due::parse("2026-01-31").unwrap()),
        ..titled("full")
    };
    let full = tasks::create(db, alice, full, None).await.unwrap().value;
    let full = tasks::toggle_completed(db, alice, full.id, &ANY).await.unwrap().value;
    assert!(full.updated_at > full.created_at && full.completed && full.priority == Priority::High);
    let by_title = Sort::new([SortBy { key: SortKey::Title, descending: false }]);
    let by_title = ListQuery { sort: by_title, ..ListQuery::default() };
    for task in [&plain, &full] {
        assert_eq!(tasks::get(db, alice, task.id).await.unwrap(), *task);
        assert_eq!(tasks::update(db, alice, task.id, Changes::default(), &ANY).await.unwrap().value, *task);
    }
    let expected = [full, plain];
    assert_eq!(tasks::list(db, alice, &ListQuery::default(), 10, Start::Beginning).await.unwrap().tasks, expected);
    assert_eq!(tasks::list(db, alice, &by_title, 10, Start::Beginning).await.unwrap().tasks, expected);
}

#[on_both_databases]
async fn concurrent_writes_to_one_task_are_done_in_order_of_arrival(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let task = create(db, alice, "t").await;
    let toggled = join_all((0..50).map(|_| tasks::toggle_completed(db, alice, task.id, &ANY))).await;
    let states: Vec<bool> = toggled.iter().map(|task| task.as_ref().unwrap().value.completed).collect();
    assert_eq!(states, (0..50).map(|n| n % 2 == 0).collect::<Vec<_>>());
    let mut times: Vec<_> = toggled.iter().map(|task| task.as_ref().unwrap().value.updated_at).collect();
    assert!(times.is_sorted());
    times.dedup();
    assert_eq!(times.len(), 50);
}

#[on_both_databases]
async fn concurrent_creates_of_one_caller_get_ids_in_order_of_arrival(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let titles: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    join_all(titles.iter().map(|title| create(db, alice, title))).await;
    let list = tasks::list(db, alice, &ListQuery::default(), 200, Start::Beginning).await.unwrap().tasks;
    assert!(list.iter().rev().map(|task| &task.title).eq(&titles));
    assert!(list.is_sorted_by(|newer, older| newer.id > older.id));
}

#[on_both_databases]
async fn a_request_that_the_database_refuses_does_not_fail_its_batch(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let is_postgres = opened.database.url().starts_with("postgres");
    let refusal = if is_postgres {
        "ALTER TABLE task ADD CONSTRAINT refusal CHECK (title <> 'bad')"
    } else {
        "CREATE TRIGGER refusal BEFORE INSERT ON task WHEN NEW.title = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END"
    };
    opened.database.connect().await.execute_unprepared(refusal).await.unwrap();
    let titles: Vec<String> =
        (0..40).map(|n| if n % 10 == 3 { "bad".to_owned() } else { format!("good {n}") }).collect();
    let created = join_all(titles.iter().map(|title| tasks::create(db, alice, titled(title), None))).await;
    for (title, created) in titles.iter().zip(created) {
        match created {
            Ok(task) => assert_eq!(&task.value.title, title),
            Err(error) => assert!(title == "bad" && matches!(error, Error::Database(_)), "{title}: {error}"),
        }
    }
    assert_eq!(tasks::list(db, alice, &ListQuery::default(), 100, Start::Beginning).await.unwrap().tasks.len(), 36);
}

#[on_both_databases]
async fn a_row_that_cannot_be_read_does_not_fail_its_batch(opened: Opened) {
    let (db, alice, bob) = (&opened.db, &user("alice"), &user("bob"));
    let (broken, fine) = (create(db, alice, "broken").await, create(db, bob, "fine").await);
    let never = if opened.database.url().starts_with("postgres") { "infinity" } else { "never" };
    for (damage, is_mended) in [
        ("priority = 9".to_owned(), false),
        // A write replaces it.
        (format!("priority = 0, updated_at = '{never}'"), true),
        (format!("created_at = '{never}'"), false),
    ] {
        let damage = format!("UPDATE task SET {damage} WHERE title = 'broken'");
        opened.database.connect().await.execute_unprepared(&damage).await.unwrap();
        for _ in 0..5 {
            let (broken, fine) =
                futures_util::future::join(tasks::get(db, alice, broken.id), tasks::get(db, bob, fine.id)).await;
            assert!(matches!(broken, Err(Error::Database(_))) && fine.is_ok());
        }
        let toggled = join_all([
            tasks::toggle_completed(db, alice, broken.id, &ANY),
            tasks::toggle_completed(db, bob, fine.id, &ANY),
        ])
        .await;
        assert!(toggled.iter().map(Result::is_ok).eq([is_mended, true]));
        let list = async |caller| tasks::list(db, caller, &ListQuery::default(), 20, Start::Beginning).await;
        let (broken, fine) = futures_util::future::join(list(alice), list(bob)).await;
        assert!(broken.is_ok() == is_mended && fine.is_ok());
    }
}

#[on_both_databases]
async fn requests_for_another_users_task_do_not_delay_its_owner(opened: Opened) {
    let (db, alice, mallory) = (&opened.db, &user("alice"), &user("mallory"));
    let task = create(db, alice, "hers").await;
    let before = db.db().statements();
    let own = async { (tasks::toggle_completed(db, alice, task.id, &ANY).await, db.db().statements() - before) };
    let foreign = join_all((0..50).map(|_| tasks::toggle_completed(db, mallory, task.id, &ANY)));
    let (foreign, (own, sent)) = futures_util::future::join(foreign, own).await;
    assert!(foreign.iter().all(|answer| matches!(answer, Err(Error::NotOwner))));
    // Her request does not wait for one batch after another of the other user's.
    assert!(own.unwrap().value.completed && sent < 25, "after {sent} statements");
}

#[on_both_databases]
async fn a_cancelled_request_does_not_cancel_its_batch(opened: Opened) {
    let alice = user("alice");
    for round in 0..20 {
        let mut running = Vec::new();
        for n in 0..20 {
            let (db, alice) = (opened.db.clone(), alice.clone());
            running.push(tokio::spawn(async move { create(&db, &alice, &format!("{round} {n}")).await }));
        }
        // The first request is in flight while the others wait.
        running[0].abort();
        tokio::task::yield_now().await;
        running[7].abort();
        for (n, task) in running.into_iter().enumerate() {
            match task.await {
                Ok(task) => assert_eq!(task.title, format!("{round} {n}")),
                Err(error) => assert!(error.is_cancelled() && (n == 0 || n == 7)),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_for_many_locked_owners_do_not_delay_those_of_others() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let opened = Opened::on(database).await;
    let db = &opened.db;
    let locked: Vec<Caller> = (0..8).map(|n| user(&format!("locked {n}"))).collect();
    let mut tasks_of_locked = Vec::new();
    for caller in &locked {
        tasks_of_locked.push(create(db, caller, "t").await.id);
    }
    let bob = &user("bob");
    let free = create(db, bob, "free").await;
    let other = opened.database.connect().await;
    let transaction = other.begin().await.unwrap();
    transaction.execute_unprepared("SELECT 1 FROM task_owner WHERE user_id LIKE 'locked%' FOR UPDATE").await.unwrap();
    let waiting = join_all(locked.iter().zip(&tasks_of_locked).enumerate().map(|(n, (caller, id))| async move {
        // One after the other, so that most of them are batches of their own.
        tokio::time::sleep(Duration::from_millis(150 * n as u64)).await;
        tasks::toggle_completed(db, caller, *id, &ANY).await
    }));
    let passing = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        for _ in 0..3 {
            tasks::toggle_completed(db, bob, free.id, &ANY).await.unwrap();
        }
        transaction.rollback().await.unwrap();
    };
    let (written, ()) = futures_util::future::join(waiting, passing).await;
    // Two wait until the lock is released, and the others are refused before.
    assert!(written.iter().all(|written| matches!(written, Ok(_) | Err(Error::Unavailable(_)))));
    assert!(written.iter().any(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_a_locked_row_does_not_delay_others() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let opened = Opened::on(database).await;
    let (db, alice, bob) = (&opened.db, &user("alice"), &user("bob"));
    let (locked, free) = (create(db, alice, "locked").await, create(db, bob, "free").await);
    let other = opened.database.connect().await;
    let transaction = other.begin().await.unwrap();
    transaction.execute_unprepared("UPDATE task SET title = 'x' WHERE title = 'locked'").await.unwrap();

    let toggle = || tasks::toggle_completed(db, alice, locked.id, &ANY);
    let waiting = join_all([toggle(), toggle(), toggle()]);
    let passing = async {
        // The first of them may share a batch with the waiting request.
        for n in 0..20 {
            let written = tasks::toggle_completed(db, bob, free.id, &ANY).await.unwrap().value;
            assert_eq!(written.completed, n % 2 == 0);
        }
        // Other kinds of requests are not delayed either: one that waited until the lock is released would time out.
        create(db, bob, "another").await;
        assert_eq!(tasks::get(db, bob, free.id).await.unwrap().title, "free");
        assert_eq!(tasks::list(db, bob, &ListQuery::default(), 20, Start::Beginning).await.unwrap().tasks.len(), 2);
        transaction.rollback().await.unwrap();
    };
    let (toggled, ()) = futures_util::future::join(waiting, passing).await;
    let states: Vec<bool> = toggled.into_iter().map(|task| task.unwrap().value.completed).collect();
    assert_eq!(states, [true, false, true]);
}

#[on_both_databases]
async fn concurrent_deletes_share_statements_and_each_returns_its_own_task(opened: Opened) {
    let db = &opened.db;
    let users: Vec<Caller> = (0..5).map(|n| user(&format!("user {n}"))).collect();
    let users = &users;
    let created: Vec<Task> =
        join_all((0..100).map(|n| async move { create(db, &users[n % 5], &format!("task {n}")).await })).await;
    let before = db.db().statements();
    // Each task is deleted by its owner, and by a stranger who must not reach it.
    let deleted = join_all(created.iter().enumerate().flat_map(|(n, task)| {
        [(n % 5, n % 5), ((n + 1) % 5, n % 5)]
            .map(|(caller, owner)| (caller == owner, task, tasks::delete(db, &users[caller], task.id, &ANY)))
            .map(|(is_owner, task, deleted)| async move { (is_owner, task, deleted.await) })
    }))
    .await;
    let sent = db.db().statements() - before;
    for (is_owner, task, deleted) in deleted {
        match deleted {
            Ok(deleted) => assert!(is_owner && deleted.value == *task),
            // The question whose task it is comes after the owner's delete, or before it.
            Err(error) => assert!(!is_owner && matches!(error, Error::NotOwner | Error::NotFound), "{error}"),
        }
    }
    assert!(sent <= 40, "{sent} statements");
    for caller in users {
        assert_eq!(tasks::list(db, caller, &ListQuery::default(), 100, Start::Beginning).await.unwrap().tasks, []);
    }
}

#[on_both_databases]
async fn one_task_is_deleted_only_once(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let task = create(db, alice, "t").await;
    let deleted = join_all((0..10).map(|_| tasks::delete(db, alice, task.id, &ANY))).await;
    assert_eq!(deleted.iter().filter(|deleted| deleted.is_ok()).count(), 1);
    assert!(deleted.iter().all(|deleted| matches!(deleted, Ok(_) | Err(Error::NotFound))));
}

#[on_both_databases]
async fn toggles_and_updates_of_one_task_are_done_in_the_order_of_their_arrival(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let task = create(db, alice, "t").await;
    let written = join_all((0..40).map(|n| async move {
        if n % 2 == 0 {
            return tasks::toggle_completed(db, alice, task.id, &ANY).await.unwrap().value;
        }
        let title = Change::To(Title::parse(n.to_string()).unwrap());
        tasks::update(db, alice, task.id, Changes { title, ..Changes::default() }, &ANY).await.unwrap().value
    }))
    .await;
    assert!(written.is_sorted_by(|earlier, later| earlier.updated_at < later.updated_at));
    for (n, task) in written.iter().enumerate() {
        let title = if n == 0 { "t".to_owned() } else { (n - (n + 1) % 2).to_string() };
        assert_eq!((task.completed, &task.title), (n / 2 % 2 == 0, &title), "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_edits_that_wait_for_a_lock_do_not_delay_those_of_others() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let opened = Opened::on(database).await;
    let db = &opened.db;
    let users: Vec<Caller> = (0..7).map(|n| user(&format!("user {n}"))).collect();
    for caller in &users {
        create(db, caller, "t").await;
    }
    let other = opened.database.connect().await;
    let transaction = other.begin().await.unwrap();
    transaction.execute_unprepared("UPDATE task SET title = 'x' WHERE user_id < 'user 6'").await.unwrap();
    let (free, locked) = users.split_last().unwrap();
    let waiting = join_all(locked.iter().map(|caller| tasks::complete_all(db, caller, &ANY)));
    let passing = async {
        // All of those that wait are in flight by now, or will be: none of them holds a turn.
        assert_eq!(tasks::complete_all(db, free, &ANY).await.unwrap().value, 1);
        assert_eq!(tasks::delete_completed(db, free, &ANY).await.unwrap().value, 1);
        transaction.rollback().await.unwrap();
    };
    let (completed, ()) = futures_util::future::join(waiting, passing).await;
    assert!(completed.into_iter().all(|count| count.unwrap().value == 1));
}

#[on_both_databases]
async fn a_write_that_finds_nothing_gets_no_number(opened: Opened) {
    let (db, alice) = (&opened.db, &user("alice"));
    let task = create(db, alice, "t").await;
    // All of them are in few batches, in which the one that finds its task is the first.
    let toggles = [task.id, task.id + 1000, task.id + 1001, task.id + 1002];
    let toggled = join_all(toggles.map(|id| tasks::toggle_completed(db, alice, id, &ANY))).await;
    assert_eq!(tasks::state(db, alice).await.unwrap(), toggled[0].as_ref().unwrap().value.version());
    assert!(toggled[1..].iter().all(|missing| matches!(missing, Err(Error::NotFound))));
}
