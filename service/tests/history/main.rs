//! The history checker: many processes write at random and are killed, connections are cut, and the clocks differ. Then it proves
//! from the journals of the clients and the tables that no write was lost, done twice, or missed by a reader that polls.
//!
//! A run is an amount of work, not a time: a slow machine takes longer. `just history` does more of it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

mod checker;
mod client;
mod findings;
mod history;
mod journal;
mod proxy;
mod random;
mod reader;
mod reminders;
mod run;
mod state;
mod tampering;

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use futures_util::future::join_all;
use service::tasks::{self, NewTask, Title};
use service::{DbConfig, Store};
use testing::{Backend, ConnectionTrait, Migrator, MigratorTrait, OwnCluster, TestDatabase, connect};

use self::checker::check;
use self::client::{KEPT, caller};
use self::findings::{Findings, Problem};
use self::history::History;
use self::journal::{Event, Journal};
use self::proxy::Interference;
use self::run::{Plan, deadlocks, run};

/// The variable with the orders of a process of clients.
const CHILD: &str = "HISTORY_CLIENTS";
/// The variable with the number of times as long as usual that a history is.
const TIMES: &str = "HISTORY_TIMES";

/// The lock of the owners in the statements of batches, and in those of edits of many tasks.
const LOCKS: [&str; 2] = [" FOR UPDATE OF \"task_owner\"", " ORDER BY user_id COLLATE \"C\" ASC FOR UPDATE"];
/// The order in which batches lock their owners.
const ORDER: &str = "ORDER BY task_owner.user_id COLLATE \"C\" ASC";
/// The begin and the end of the part of a batch that locks them.
const LOCKING: [&str; 2] = ["SELECT \"task_owner\".\"user_id\", ", " FOR UPDATE OF \"task_owner\")"];
/// The same for one that waits after each lock, so that statements overlap.
const LOCKING_SLOWLY: [&str; 2] = [
    "SELECT * FROM (SELECT \"task_owner\".\"user_id\", ",
    " FOR UPDATE OF \"task_owner\") AS locked WHERE length(pg_sleep(0.02)::text) = 0)",
];
/// The place in a batch where the time is compared with the clocks.
const NOW: &str = "GREATEST(clock, ";

fn rewrite(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

/// Three servers whose clocks are up to 3 s apart, and whose statements are rewritten. One of a hundred answers is lost.
fn servers(rewrites: &[(String, String)]) -> Vec<Interference> {
    let clocks =
        [rewrite(NOW, NOW), rewrite(NOW, "GREATEST(clock, -3000000 + "), rewrite(NOW, "GREATEST(clock, -50000 + ")];
    let server = |clock| Interference { rewrites: [&[clock], rewrites].concat(), loses_one_in: 100 };
    clocks.map(server).to_vec()
}

/// The number of times as long as usual that a history is.
fn times() -> u64 {
    env::var(TIMES).map_or(1, |times| times.parse().unwrap())
}

/// A new database on a cluster of this program, whose sessions may be ended, and which looks for deadlocks at once.
async fn postgres() -> Option<String> {
    static CLUSTER: OnceLock<Option<OwnCluster>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let settings = "deadlock_timeout = 10ms\nfsync = off\nfull_page_writes = off\nmax_connections = 200\n";
    let cluster = CLUSTER.get_or_init(|| OwnCluster::start(settings, |_| {})).as_ref()?;
    let name = format!("history_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    connect(&cluster.url()).await.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let url = format!("{}/{name}", cluster.url().rsplit_once('/').unwrap().0);
    Migrator::up(&connect(&url).await, None).await.unwrap();
    Some(url)
}

fn assert_rewritten(history: &History, rewrites: usize) {
    for place in 0..rewrites {
        let is_rewrite = |event: &Event| matches!(event, Event::Rewrote(rewrote) if *rewrote == place);
        assert!(history.entries.iter().any(|entry| is_rewrite(&entry.event)), "rewrite {place} found no statement");
    }
}

/// Runs a plan, and reports what was found.
async fn found(name: &str, plan: &Plan) -> (History, Findings) {
    let began = Instant::now();
    let history = run(plan).await;
    let seconds = began.elapsed().as_secs();
    let findings = check(&history);
    println!("{name}, {seconds} s: {findings}");
    (history, findings)
}

/// Not a test by itself: the tests below start this program again with its name, to have processes that they can kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_clients() {
    if let Ok(orders) = env::var(CHILD) {
        client::work(serde_json::from_str(&orders).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_is_lost_doubled_or_missed_on_postgresql() {
    let Some(url) = postgres().await else { return };
    let plan = Plan {
        url,
        processes: 3,
        lives: 4 * times(),
        clients: 24,
        requests: 12,
        interference: servers(&[]),
        kills: true,
        ends_sessions: true,
    };
    let (history, findings) = found("PostgreSQL", &plan).await;
    assert_rewritten(&history, 1);
    assert!(findings.is_flawless(), "{findings}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_is_lost_doubled_or_missed_on_sqlite() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let plan = Plan {
        url: database.url().to_owned(),
        processes: 1,
        lives: 4 * times(),
        clients: 12,
        requests: 25,
        interference: Vec::new(),
        kills: true,
        ends_sessions: false,
    };
    let (_, findings) = found("SQLite", &plan).await;
    assert!(findings.is_flawless(), "{findings}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checker_finds_each_kind_of_problem() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let plan = Plan {
        url: database.url().to_owned(),
        processes: 1,
        lives: 1,
        clients: 12,
        requests: 25,
        interference: Vec::new(),
        kills: false,
        ends_sessions: false,
    };
    let (history, findings) = found("Before it is tampered with", &plan).await;
    assert!(findings.is_flawless(), "{findings}");
    for (problem, tamper) in tampering::all() {
        let mut tampered = history.clone();
        tamper(&mut tampered);
        let findings = check(&tampered);
        assert!(findings.number_of(problem) > 0, "{problem:?} was not found: {findings}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lock_of_the_owner_a_reader_misses_changes() {
    let rewrites = LOCKS.map(|lock| rewrite(lock, ""));
    for _ in 0..20 {
        let Some(url) = postgres().await else { return };
        let interference = servers(&rewrites).into_iter().map(|server| Interference { loses_one_in: 0, ..server });
        let plan = Plan {
            url,
            processes: 3,
            lives: 3,
            clients: 24,
            requests: 6,
            interference: interference.collect(),
            kills: false,
            ends_sessions: false,
        };
        let (history, findings) = found("Without the lock", &plan).await;
        assert_rewritten(&history, rewrites.len() + 1);
        if findings.number_of(Problem::Missed) > 0 {
            return;
        }
    }
    panic!("no reader has missed a change");
}

/// Two servers send large batches at the same time. Each locks its owners in one of these orders, and waits after each lock.
/// Returns whether there was a deadlock within a number of rounds. Random histories have few batches of several owners.
async fn deadlocks_within(rounds: usize, url: &str, orders: [&str; 2]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let slowly = || (0..2).map(|part| rewrite(LOCKING[part], LOCKING_SLOWLY[part]));
    let mut stores = Vec::new();
    for order in orders {
        let rewrites = slowly().chain([rewrite(ORDER, &ORDER.replace("ASC", order))]).collect();
        let interference = Interference { rewrites, loses_one_in: 0 };
        let through = proxy::start(url, interference, Arc::new(Journal::append_to(&journal)), 0).await;
        stores.push(Store::open(&DbConfig::new(&through), |_| {}).await.unwrap());
    }
    let connection = connect(url).await;
    for _ in 0..rounds {
        let create = async |store: &Store, owner| {
            // A request that has waited for too long fails.
            let _ = tasks::create(store, &caller(owner, None), NewTask::new(Title::parse("t").unwrap()), None).await;
        };
        let batch = |store| join_all(KEPT.iter().map(move |owner| create(store, owner)));
        // Without new connections in between, both begin at the same time.
        for _ in 0..5 {
            join_all(stores.iter().map(batch)).await;
        }
        if deadlocks(&connection).await > 0 {
            return true;
        }
    }
    let rewrote = journal::read(&journal).len();
    assert_eq!(rewrote, 6, "a rewrite found no statement");
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_do_not_lock_the_owners_in_one_order_deadlock() {
    let Some(url) = postgres().await else { return };
    assert!(!deadlocks_within(2, &url, ["ASC", "ASC"]).await);
    assert!(deadlocks_within(50, &url, ["ASC", "DESC"]).await);
}
