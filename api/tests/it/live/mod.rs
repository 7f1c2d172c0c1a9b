//! The checker of live events: readers of the stream through two servers behind a real proxy, under writes, while servers are
//! killed and stopped, and connections of clients and of the database are cut. At the end the replica of each reader must equal
//! the list. On the way each event must have a higher number than all before it.
//!
//! `LIVE_TIMES` is the length of the run, with 1 for that of the test suite.

mod reader;
mod stall;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use testing::{Backend, ConnectionTrait, TestDatabase};
use tokio::task::JoinSet;

use self::reader::{Kind, Reader};
use crate::several_servers::{Proxy, proxy, until};
use crate::support::program::Program;
use crate::support::tools::free_port;
use crate::support::{SECRET, User, token};

const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// The writers of each user.
const WRITERS: usize = 3;
/// How long the servers are disturbed, in a run of the test suite.
const LENGTH: Duration = Duration::from_secs(6);

/// What readers, writers and the test share.
#[derive(Default)]
pub struct Run {
    /// The writers are to end.
    is_over: AtomicBool,
    /// The final states of the users, once they are known.
    goals: [AtomicI64; USERS.len()],
    /// The number of writes that were answered with success.
    written: AtomicUsize,
    /// The number of events that were read, and of streams that were opened.
    events: AtomicUsize,
    streams: AtomicUsize,
    /// The numbers of streams that ended for these reasons.
    expired: AtomicUsize,
    slow: AtomicUsize,
    restarted: AtomicUsize,
    broken: AtomicUsize,
}

/// A random number below this one.
fn below(end: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(()) % end
}

fn start(database: &TestDatabase, port: u16) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url().to_owned()),
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("BETTER_AUTH_LEEWAY_SECONDS", "0".to_owned()),
        ("PORT", port.to_string()),
        ("RATE_LIMIT_PER_SECOND", "0".to_owned()),
        ("RUST_LOG", "error".to_owned()),
    ];
    Program::start(folder.path(), variables)
}

/// Disturbs the servers again and again. Returns the number of disturbances.
async fn disturb(
    database: &TestDatabase,
    ports: [u16; 2],
    servers: &mut [Option<Program>; 2],
    proxy: &Proxy,
    length: Duration,
) -> usize {
    let connection = database.connect().await;
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < length {
        tokio::time::sleep(Duration::from_millis(100 + below(500))).await;
        let number = usize::try_from(below(2)).unwrap();
        // Each kind comes in a short run too.
        match count % 4 {
            0 | 2 => {
                let server = servers[number].take().unwrap();
                server.signal(if count % 4 == 0 { "KILL" } else { "TERM" });
                tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(below(300))).await;
                servers[number] = Some(start(database, ports[number]));
            }
            1 => proxy.cut_off(number),
            _ => {
                let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND application_name LIKE 'task-api%' AND random() < 0.5";
                connection.execute_unprepared(cut).await.unwrap();
            }
        }
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_doubled_or_out_of_order_while_servers_are_killed_and_connections_are_cut() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let times: u32 = std::env::var("LIVE_TIMES").ok().map_or(1, |times| times.parse().expect("LIVE_TIMES is a number"));
    let ports = [free_port(), free_port()];
    let mut servers = ports.map(|port| Some(start(&database, port)));
    let Some(proxy) = proxy(&ports).await else { return };
    let run = Arc::new(Run::default());
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    for (number, name) in USERS.into_iter().enumerate() {
        let user = User::new(&proxy.address, Some(&token(name)));
        // A state that is known from the beginning on.
        user.create("first").await;
        for _ in 0..WRITERS {
            writers.spawn(writer::write(user.clone(), Arc::clone(&run)));
        }
        for kind in [Kind::Steady, Kind::Hasty, Kind::Slow, Kind::Expiring] {
            let address = match kind {
                Kind::Slow => stall::stalling(&proxy.address, Arc::clone(&run)).await,
                _ => proxy.address.clone(),
            };
            let reader = Reader::new(&address, name, kind, Arc::clone(&run));
            readers.spawn(async move { (number, kind, reader.read_to(number).await) });
        }
    }
    let begun = Instant::now();
    let disturbed = disturb(&database, ports, &mut servers, &proxy, LENGTH * times).await;
    // The disturbances can have cut each stream before its token expired.
    until("a token has expired", async || run.expired.load(Ordering::SeqCst) > 0).await;
    run.is_over.store(true, Ordering::SeqCst);
    writers.join_all().await;
    let took = begun.elapsed();
    for number in 0..ports.len() {
        until("the proxy finds every server ready", async || proxy.server(number).await.is_up).await;
    }
    let mut lists = Vec::new();
    for (number, name) in USERS.into_iter().enumerate() {
        let list = User::new(&proxy.address, Some(&token(name))).get(200, "/api/tasks").await;
        let state: i64 = list.header("etag").trim_matches('"').parse().unwrap();
        run.goals[number].store(state, Ordering::SeqCst);
        let mut tasks = list.json().as_array().unwrap().clone();
        tasks.sort_by_key(|task: &Value| task["id"].as_i64());
        lists.push(tasks);
    }
    while let Some(read) = readers.join_next().await {
        let (number, kind, replica) = read.unwrap();
        assert_eq!(replica, lists[number], "the replica of a {kind:?} reader");
    }
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let report = format!(
        "{disturbed} disturbances in {took:.1?}; {} writes ({} a second); {} events on {} streams, of which {} ended with \
         `restart`, {} with `token_expired`, {} with `slow`, and {} broke",
        count(&run.written),
        count(&run.written) * 1000 / usize::try_from(took.as_millis()).unwrap(),
        count(&run.events),
        count(&run.streams),
        count(&run.restarted),
        count(&run.expired),
        count(&run.slow),
        count(&run.broken),
    );
    println!("{report}");
    assert!(count(&run.events) > 100 && count(&run.expired) > 0 && count(&run.broken) > 0, "{report}");
}
