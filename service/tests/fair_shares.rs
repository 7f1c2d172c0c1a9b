//! Large requests of one user leave room for those of other users.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test chooses its callers, and checks the database with statements of its own"
)]

use std::time::Duration;

use futures_util::future::{join, join_all};
use service::tasks::{
    self, Conditions, Filter, ListQuery, NewTask, Search, Sort, SortBy, SortKey, Start, Status, Title, WholeList, Zone,
};
use service::{Caller, DbConfig, Error, Store, UserId, me};
use testing::{
    Backend, ConnectionTrait, DatabaseTransaction, DbBackend, Fixture, Statement, TestDatabase, TransactionTrait,
    on_both_databases, seed,
};
use tokio::time::timeout;

struct Opened {
    store: Store,
    database: TestDatabase,
}

impl Fixture for Opened {
    async fn on(database: TestDatabase) -> Self {
        Self { store: Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), database }
    }
}

impl Opened {
    async fn seed(&self, owner: &str, count: u32, description: &str) {
        let owner = format!("'{owner}'");
        let columns = [
            ("user_id", owner.as_str()),
            ("title", "'task ' || n"),
            ("title_folded", "'task ' || n"),
            ("description", description),
            ("priority", "n % 4"),
        ];
        seed(&self.database.connect().await, count, &columns).await;
    }
}

impl Opened {
    /// Locks the table, so that every statement waits. PostgreSQL only.
    async fn lock(&self) -> DatabaseTransaction {
        let lock = self.database.connect().await.begin().await.unwrap();
        lock.execute_unprepared("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").await.unwrap();
        lock
    }
}

fn user(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

fn by(keys: &[SortKey]) -> Sort {
    Sort::new(keys.iter().map(|key| SortBy { key: *key, descending: false }))
}

/// The number of statements that PostgreSQL runs for the server, waiting ones included.
async fn active(database: &TestDatabase) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'task-api' AND state = 'active' AND pid <> pg_backend_pid()
        AND query NOT LIKE '%pg_stat_activity%'";
    let connection = database.connect().await;
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statements_of_callers_that_hang_up_are_at_most_two_for_each_user() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let opened = Opened::on(database).await;
    let (store, alice) = (&opened.store, &user("alice"));
    let lock = opened.lock().await;
    for _ in 0..5 {
        let hung_up = (0..8).map(|_| timeout(Duration::from_millis(20), tasks::summary(store, alice, Zone::default())));
        join_all(hung_up).await;
        assert!(active(&opened.database).await <= 2);
    }
    lock.rollback().await.unwrap();
    assert_eq!(tasks::summary(store, alice, Zone::default()).await.unwrap().all, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_over_the_limit_is_refused_at_once_and_those_that_wait_are_answered() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let opened = Opened::on(database).await;
    let (store, alice) = (&opened.store, &user("alice"));
    let lock = opened.lock().await;
    let admitted = join_all((0..18).map(|_| tasks::summary(store, alice, Zone::default())));
    let over = async {
        // The others are in flight or wait by now, because they were polled first.
        assert!(matches!(tasks::summary(store, alice, Zone::default()).await, Err(Error::Busy)));
        assert!(matches!(tasks::tags(store, alice).await, Err(Error::Busy)));
        assert!(matches!(tasks::count(store, alice, &Filter::default()).await, Err(Error::Busy)));
        lock.rollback().await.unwrap();
    };
    let (admitted, ()) = join(admitted, over).await;
    assert!(admitted.into_iter().all(|summary| summary.is_ok()));
}

#[on_both_databases]
async fn large_requests_of_one_user_fail_no_request_of_others(opened: Opened) {
    let (store, alice, bob) = (&opened.store, &user("alice"), &user("bob"));
    opened.seed("alice", 20_000, "NULL").await;
    let search = Filter { search: Some(Search::parse("none of them").unwrap()), ..Filter::default() };
    let search = &ListQuery { filter: search, ..ListQuery::default() };
    let unindexed = &ListQuery { sort: by(&[SortKey::UpdatedAt]), ..ListQuery::default() };
    let attacks = join_all((0..100).map(async |n| match n % 4 {
        0 => tasks::summary(store, alice, Zone::default()).await.map(drop),
        1 => tasks::list(store, alice, search, 20, Start::Beginning).await.map(drop),
        2 => tasks::list(store, alice, unindexed, 20, Start::Beginning).await.map(drop),
        _ => tasks::complete_all(store, alice, &Conditions::default()).await.map(drop),
    }));
    let ordinary = async {
        for _ in 0..50 {
            let task = tasks::create(store, bob, NewTask::new(Title::parse("t").unwrap()), None).await.unwrap().value;
            tasks::toggle_completed(store, bob, task.id, &Conditions::default()).await.unwrap();
            assert!(tasks::get(store, bob, task.id).await.unwrap().completed);
            tasks::list(store, bob, &ListQuery::default(), 20, Start::Beginning).await.unwrap();
        }
        // On a slow machine the place can be taken for longer than a request waits.
        let summary = loop {
            match tasks::summary(store, bob, Zone::default()).await {
                Err(Error::Busy) => {}
                summary => break summary.unwrap(),
            }
        };
        assert_eq!(summary.completed, 50);
    };
    let (attacks, ()) = join(attacks, ordinary).await;
    // Nothing of the attack is an outage either: it is done, or refused.
    assert!(attacks.iter().all(|done| matches!(done, Ok(()) | Err(Error::Busy))), "{attacks:?}");
    assert!(attacks.iter().any(Result::is_ok));
}

#[on_both_databases]
async fn a_plain_list_and_a_list_by_status_are_not_large_requests(opened: Opened) {
    let (store, alice) = (&opened.store, &user("alice"));
    opened.seed("alice", 30, "NULL").await;
    let of = |status| ListQuery { filter: Filter { status, ..Filter::default() }, ..ListQuery::default() };
    let queries = [of(Status::All), of(Status::Pending), of(Status::Completed)];
    let lists = join_all((0..30).map(|n| tasks::list(store, alice, &queries[n % 3], 20, Start::Beginning))).await;
    assert!(lists.iter().all(Result::is_ok));
}

#[on_both_databases]
async fn a_whole_list_without_an_index_arrives_whole_up_to_50_000_tasks(opened: Opened) {
    let (store, alice) = (&opened.store, &user("alice"));
    opened.seed("alice", 50_000, "NULL").await;
    let query = ListQuery { sort: by(&[SortKey::Priority, SortKey::CreatedAt]), ..ListQuery::default() };
    let (mut all, mut rest) = WholeList::begin(store, alice, query.clone(), None).await.unwrap();
    while !rest.is_over() {
        all.extend(rest.next_part().await.unwrap());
    }
    assert_eq!(all.len(), 50_000);
    assert!(all.is_sorted_by_key(|task| (task.priority, task.created_at, task.id)));

    tasks::create(store, alice, NewTask::new(Title::parse("one more").unwrap()), None).await.unwrap();
    assert!(matches!(WholeList::begin(store, alice, query.clone(), None).await, Err(Error::TooLongToSort)));
    // With a limit it goes on, and so does the rest of a list behind a position.
    let page = tasks::list(store, alice, &query, 100, Start::Beginning).await.unwrap();
    let (first, _) = WholeList::begin(store, alice, query, page.next).await.unwrap();
    assert_eq!(first.first().map(|task| task.id), Some(all[100].id));
}

#[on_both_databases]
async fn a_part_of_a_whole_list_is_bounded_by_its_texts(opened: Opened) {
    let (store, alice) = (&opened.store, &user("alice"));
    opened.seed("alice", 400, &format!("'{}'", "🦀".repeat(1000))).await;
    for sort in [by(&[SortKey::Title]), by(&[SortKey::UpdatedAt, SortKey::Title]), Sort::default()] {
        let query = ListQuery { sort, ..ListQuery::default() };
        let (first, mut rest) = WholeList::begin(store, alice, query, None).await.unwrap();
        let mut lengths = vec![first.len()];
        while !rest.is_over() {
            lengths.push(rest.next_part().await.unwrap().len());
        }
        assert_eq!(lengths.iter().sum::<usize>(), 400);
        // 4,000 bytes each: 62 make 256 KiB.
        assert!(lengths.iter().all(|length| *length <= 65), "{lengths:?}");
    }
}

#[on_both_databases]
async fn everything_of_a_user_is_erased_and_nothing_of_others(opened: Opened) {
    let (store, alice, bob) = (&opened.store, &user("alice"), &user("bob"));
    opened.seed("alice", 6000, "NULL").await;
    opened.seed("bob", 3, "NULL").await;
    assert_eq!(me::erase(store, alice).await.unwrap(), 6000);
    assert_eq!(tasks::count(store, alice, &Filter::default()).await.unwrap(), 0);
    assert_eq!(tasks::count(store, bob, &Filter::default()).await.unwrap(), 3);
}
