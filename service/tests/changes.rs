//! A replica that is made from the feed of changes alone equals the list.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use service::tasks::{self, Change, Changes, Conditions, Feed, FeedItem, ListQuery, NewTask, Start, Task, Title};
use service::{Caller, DbConfig, Error, Store, UserId, me};
use testing::{Backend, TestDatabase};

/// What a client does.
#[derive(Clone, Debug)]
enum Step {
    Create,
    Change(Index),
    Toggle(Index),
    Delete(Index),
    /// Restores a task of the trash.
    Restore(Index),
    CompleteAll,
    DeleteCompleted,
    Erase,
    /// Takes the next part of the feed, with this limit.
    Poll(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Create),
        4 => any::<Index>().prop_map(Step::Change),
        4 => any::<Index>().prop_map(Step::Toggle),
        4 => any::<Index>().prop_map(Step::Delete),
        4 => any::<Index>().prop_map(Step::Restore),
        1 => Just(Step::CompleteAll),
        1 => Just(Step::DeleteCompleted),
        1 => Just(Step::Erase),
        6 => (1..6_u32).prop_map(Step::Poll),
    ]
}

/// The tasks of a client that follows the feed.
#[derive(Default)]
struct Replica {
    tasks: BTreeMap<i64, Task>,
    state: i64,
    /// Whether the client must begin anew: there was no write yet when it began, or everything was erased since.
    may_resync: bool,
}

impl Replica {
    /// Takes the next part of the feed. Returns whether there is more.
    async fn poll(&mut self, db: &Store, caller: &Caller, limit: u32) -> bool {
        match tasks::changes(db, caller, self.state, limit).await {
            Ok(feed) => self.take(feed, limit),
            Err(Error::Resync) => {
                assert!(self.may_resync, "the replica lost its place at {}", self.state);
                let (tasks, state) = list(db, caller).await;
                // Only if there are no tasks: it began when there was no write yet, and there is none.
                *self = Self { tasks, state, may_resync: state == 0 };
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn current(&self) -> (BTreeMap<i64, Task>, i64) {
        (self.tasks.clone(), self.state)
    }

    fn take(&mut self, feed: Feed, limit: u32) -> bool {
        let versions: Vec<i64> = feed.items.iter().map(FeedItem::version).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
        assert!(versions.iter().all(|version| *version > self.state && *version <= feed.state), "{versions:?}");
        assert!(feed.items.len() <= limit as usize);
        assert!(!feed.has_more || feed.state > self.state);
        let mut seen = Vec::new();
        for item in feed.items {
            let id = match item {
                FeedItem::Changed(task) => {
                    let id = task.id;
                    self.tasks.insert(id, task);
                    id
                }
                FeedItem::Deleted { id, .. } => {
                    self.tasks.remove(&id);
                    id
                }
                FeedItem::Reminded(reminder) => panic!("{reminder:?}"),
            };
            assert!(!seen.contains(&id), "task {id} is there twice");
            seen.push(id);
        }
        self.state = feed.state;
        feed.has_more
    }
}

async fn list(db: &Store, caller: &Caller) -> (BTreeMap<i64, Task>, i64) {
    let page = tasks::list(db, caller, &ListQuery::default(), 1000, Start::Beginning).await.unwrap();
    (page.tasks.into_iter().map(|task| (task.id, task)).collect(), page.state)
}

#[expect(clippy::disallowed_methods, reason = "a test chooses its callers")]
fn caller(name: &str) -> Caller {
    Caller::authenticated(UserId::parse(name).unwrap())
}

/// Does a step to the tasks of a caller.
async fn act(db: &Store, caller: &Caller, step: &Step, replica: &mut Replica) {
    let ids: Vec<i64> = list(db, caller).await.0.into_keys().collect();
    let any = Conditions::default();
    match step {
        Step::Create => drop(tasks::create(db, caller, NewTask::new(Title::parse("t").unwrap()), None).await.unwrap()),
        Step::CompleteAll => _ = tasks::complete_all(db, caller, &any).await.unwrap(),
        Step::DeleteCompleted => _ = tasks::delete_completed(db, caller, &any).await.unwrap(),
        Step::Erase => {
            me::erase(db, caller).await.unwrap();
            replica.may_resync = true;
        }
        Step::Poll(limit) => {
            if !replica.poll(db, caller, *limit).await {
                assert_eq!(replica.current(), list(db, caller).await);
            }
        }
        Step::Restore(which) => {
            let trash = tasks::trash(db, caller, 1000, None).await.unwrap().tasks;
            if !trash.is_empty() {
                let deleted = &trash[which.index(trash.len())].task;
                let restored = tasks::restore(db, caller, deleted.id, None).await.unwrap().value;
                assert_eq!(restored, Task { updated_at: restored.updated_at, ..deleted.clone() });
            }
        }
        Step::Change(_) | Step::Toggle(_) | Step::Delete(_) if ids.is_empty() => {}
        Step::Change(which) => {
            let changes = Changes { title: Change::To(Title::parse("changed").unwrap()), ..Changes::default() };
            tasks::update(db, caller, *which.get(&ids), changes, &any).await.unwrap();
        }
        Step::Toggle(which) => drop(tasks::toggle_completed(db, caller, *which.get(&ids), &any).await.unwrap()),
        Step::Delete(which) => drop(tasks::delete(db, caller, *which.get(&ids), &any).await.unwrap()),
    }
}

async fn check(databases: &[Store], round: u32, steps: &[Step], limit: u32) {
    let (mine, other) = (caller(&format!("mine {round}")), caller(&format!("other {round}")));
    for db in databases {
        let mut replica = Replica { may_resync: true, ..Replica::default() };
        tasks::create(db, &other, NewTask::new(Title::parse("theirs").unwrap()), None).await.unwrap();
        for step in steps {
            act(db, &mine, step, &mut replica).await;
            if let Step::Create = step {
                tasks::complete_all(db, &other, &Conditions::default()).await.unwrap();
            }
        }
        while replica.poll(db, &mine, limit).await {}
        assert_eq!(replica.current(), list(db, &mine).await, "{steps:?}");
    }
}

#[test]
fn a_replica_that_is_made_from_the_feed_alone_equals_the_list_after_random_operations() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut databases, mut opened) = (Vec::new(), Vec::new());
    for backend in [Backend::Sqlite, Backend::Postgres] {
        if let Some(database) = runtime.block_on(TestDatabase::migrated(backend)) {
            databases.push(runtime.block_on(Store::open(&DbConfig::new(database.url()), |_| {})).unwrap());
            opened.push(database);
        }
    }
    let round = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() });
    let strategy = (proptest::collection::vec(step(), 1..40), 1..5_u32);
    let result = runner.run(&strategy, |(steps, limit)| {
        round.set(round.get() + 1);
        runtime.block_on(check(&databases, round.get(), &steps, limit));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[testing::on_both_databases]
async fn pages_of_every_size_lead_to_the_same_replica(database: TestDatabase) {
    let db = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    let alice = caller("alice");
    let new = || NewTask::new(Title::parse("t").unwrap());
    let first = tasks::create(&db, &alice, new(), None).await.unwrap().value;
    let begin = first.version();
    for _ in 0..6 {
        tasks::create(&db, &alice, new(), None).await.unwrap();
    }
    tasks::complete_all(&db, &alice, &Conditions::default()).await.unwrap();
    for _ in 0..3 {
        tasks::toggle_completed(&db, &alice, first.id, &Conditions::default()).await.unwrap();
    }
    tasks::delete(&db, &alice, first.id + 2, &Conditions::default()).await.unwrap();
    tasks::create(&db, &alice, new(), None).await.unwrap();
    let expected = list(&db, &alice).await;
    for limit in 1..12 {
        let mut replica =
            Replica { tasks: BTreeMap::from([(first.id, first.clone())]), state: begin, may_resync: false };
        let mut parts = 1;
        while replica.poll(&db, &alice, limit).await {
            parts += 1;
        }
        assert_eq!((replica.tasks, replica.state), expected);
        // Eight tasks, each once, however often it was changed.
        assert_eq!(parts, 8_u32.div_ceil(limit), "{limit}");
        // The current state has no changes after it.
        let none = tasks::changes(&db, &alice, replica.state, limit).await.unwrap();
        assert_eq!(none, Feed { items: Vec::new(), state: replica.state, has_more: false });
    }
}

#[testing::on_both_databases]
async fn a_reader_that_polls_while_others_write_misses_nothing(database: TestDatabase) {
    let db = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    let alice = caller("alice");
    let new = || NewTask::new(Title::parse("t").unwrap());
    let first = tasks::create(&db, &alice, new(), None).await.unwrap().value;
    let any = Conditions::default();
    let write = async || {
        for round in 0..12 {
            let task = tasks::create(&db, &alice, new(), None).await.unwrap().value;
            tasks::toggle_completed(&db, &alice, first.id, &any).await.unwrap();
            match round % 4 {
                0 => drop(tasks::delete(&db, &alice, task.id, &any).await.unwrap()),
                1 => {
                    tasks::delete(&db, &alice, task.id, &any).await.unwrap();
                    tasks::restore(&db, &alice, task.id, None).await.unwrap();
                }
                2 => _ = tasks::complete_all(&db, &alice, &any).await.unwrap(),
                _ => {}
            }
        }
    };
    let mut replica =
        Replica { tasks: BTreeMap::from([(first.id, first.clone())]), state: first.version(), may_resync: false };
    let writing = futures_util::future::join4(write(), write(), write(), write());
    let mut writing = std::pin::pin!(writing);
    loop {
        tokio::select! {
            _ = &mut writing => break,
            _ = replica.poll(&db, &alice, 3) => {}
        }
    }
    while replica.poll(&db, &alice, 3).await {}
    assert_eq!(replica.current(), list(&db, &alice).await);
}
