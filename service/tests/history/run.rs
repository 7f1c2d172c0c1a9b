//! A run: processes of clients that are killed and started again, connections that are cut, and readers.

use std::collections::HashMap;
use std::env::current_exe;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::DatabaseConnection;
use testing::{ConnectionTrait, DbBackend, Statement, connect};
use tokio::time::sleep;

use crate::CHILD;
use crate::client::{ERASED, KEPT, Orders};
use crate::history::History;
use crate::journal;
use crate::proxy::Interference;
use crate::random::Random;
use crate::reader;

/// How much is done, and what goes wrong on the way.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) url: String,
    /// The number of processes at a time.
    pub(crate) processes: usize,
    /// The number of processes in all.
    pub(crate) lives: u64,
    pub(crate) clients: u64,
    /// The number of requests of each client.
    pub(crate) requests: u64,
    /// The interference with each of the processes that run at a time. Empty for none.
    pub(crate) interference: Vec<Interference>,
    /// Whether every second process is killed.
    pub(crate) kills: bool,
    /// Whether the database ends sessions.
    pub(crate) ends_sessions: bool,
}

/// A process of clients. It is killed when this is dropped.
struct Life {
    process: Child,
    journal: PathBuf,
    /// The length of the journal at which it is killed.
    killed_at: Option<u64>,
}

impl Drop for Life {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Carries out the plan.
pub(crate) async fn run(plan: &Plan) -> History {
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::default());
    let poll = |owner| (owner, tokio::spawn(reader::poll(plan.url.clone(), owner, Arc::clone(&stop))));
    let readers: Vec<_> = [&KEPT[..], &ERASED].concat().into_iter().map(poll).collect();
    let connection = connect(&plan.url).await;
    live(plan, folder.path(), &connection).await;
    let deadlocks =
        if connection.get_database_backend() == DbBackend::Postgres { deadlocks(&connection).await } else { 0 };
    stop.store(true, Ordering::Relaxed);
    let mut seen = HashMap::new();
    for (owner, reader) in readers {
        seen.insert(owner, reader.await.unwrap());
    }
    let journals = fs::read_dir(folder.path()).unwrap();
    let entries = journals.flat_map(|journal| journal::read(&journal.unwrap().path())).collect();
    History::load(&connection, entries, seen, deadlocks).await
}

/// Ends the sessions of the service, so that nothing that a dead process has sent runs any more. Returns the number of deadlocks
/// that there were in the database. A session reports its own at its end.
pub(crate) async fn deadlocks(connection: &DatabaseConnection) -> i64 {
    while number(connection, SESSIONS).await > 0 {
        connection.execute_unprepared(&format!("{END_SESSIONS} TRUE")).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    number(connection, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await
}

const SESSIONS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'task-api'";
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'task-api' AND";

async fn number(connection: &DatabaseConnection, query: &str) -> i64 {
    let query = Statement::from_string(connection.get_database_backend(), query);
    connection.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Starts the processes, and a new one for each that has ended or was killed, until there were enough.
async fn live(plan: &Plan, folder: &Path, connection: &DatabaseConnection) {
    let mut random = Random::new(u64::from(std::process::id()));
    let mut running: Vec<Option<Life>> = (0..plan.processes).map(|_| None).collect();
    let mut started = 0;
    loop {
        for (slot, place) in running.iter_mut().enumerate() {
            if let Some(life) = place {
                let length = fs::metadata(&life.journal).map_or(0, |file| file.len());
                if life.killed_at.is_some_and(|killed_at| length >= killed_at) {
                    *place = None;
                } else if let Some(status) = life.process.try_wait().unwrap() {
                    assert!(status.success(), "a process of clients has failed: {status}");
                    *place = None;
                }
            }
            if place.is_none() && started < plan.lives {
                let orders = Orders {
                    url: plan.url.clone(),
                    journal: folder.join(started.to_string()),
                    number: started,
                    seed: random.next(),
                    clients: plan.clients,
                    requests: plan.requests,
                    interference: plan.interference.get(slot).cloned(),
                };
                // A request takes about 600 bytes.
                let most = plan.clients * plan.requests * 500;
                let killed_at = (plan.kills && started % 2 == 1).then(|| random.below(most));
                *place = Some(Life { process: start(&orders), journal: orders.journal, killed_at });
                started += 1;
            }
        }
        if running.iter().all(Option::is_none) {
            return;
        }
        if plan.ends_sessions && random.one_in(20) {
            connection.execute_unprepared(&format!("{END_SESSIONS} random() < 0.1")).await.unwrap();
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Starts this program again, with the test that does the orders.
fn start(orders: &Orders) -> Child {
    Command::new(current_exe().unwrap())
        .args(["--exact", "a_process_of_clients", "--nocapture"])
        .env(CHILD, serde_json::to_string(orders).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
