//! The state of PostgreSQL and of the kernel during an attack.

use std::time::Duration;

use testing::{ConnectionTrait, Statement};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::target::StopFlag;
use crate::database::{Cluster, Database};
use crate::usage;

/// The time between two samples.
const INTERVAL: Duration = Duration::from_millis(100);

/// The state at one time, or the highest value of each.
#[derive(Clone, Copy, Default)]
pub(super) struct Sample {
    /// The connections to the server's database.
    pub(super) connections: i64,
    /// The private memory of PostgreSQL's processes.
    pub(super) postgres_mib: f64,
    /// The kernel's memory for the sockets of this machine.
    pub(super) sockets_mib: f64,
}

/// Takes samples of PostgreSQL and the kernel.
pub(super) struct Observer {
    stop: StopFlag,
    task: JoinHandle<(Sample, Sample)>,
}

impl Observer {
    /// Starts to take samples: without a cluster, of the kernel only. Its own connection is to another database than the
    /// server's.
    pub(super) async fn start(cluster: Option<&Cluster>, database: &Database) -> Self {
        let (stop, postmaster) = (StopFlag::default(), database.postmaster);
        let connection = match cluster {
            Some(cluster) => Some(testing::connect(&cluster.url()).await),
            None => None,
        };
        let (should_go_on, query) = (stop.clone(), connections_of(database));
        let take_sample = async move || Sample {
            connections: match &connection {
                Some(connection) => number(connection, &query).await,
                None => 0,
            },
            postgres_mib: postmaster.map_or(0.0, usage::private_mib_of_children),
            sockets_mib: usage::sockets_mib(),
        };
        let first = take_sample().await;
        let task = tokio::spawn(async move {
            let mut peak = first;
            while should_go_on.is_running() {
                let sample = take_sample().await;
                peak.connections = peak.connections.max(sample.connections);
                peak.postgres_mib = peak.postgres_mib.max(sample.postgres_mib);
                peak.sockets_mib = peak.sockets_mib.max(sample.sockets_mib);
                sleep(INTERVAL).await;
            }
            (first, peak)
        });
        Self { stop, task }
    }

    /// Returns the first sample, and the highest value of each.
    pub(super) async fn stop(self) -> (Sample, Sample) {
        self.stop.stop();
        self.task.await.expect("the observer ends")
    }
}

/// Returns the number of statements that have been running for longer than a second.
pub(super) async fn old_statements(cluster: &Cluster, database: &Database) -> i64 {
    let connection = testing::connect(&cluster.url()).await;
    let query = connections_of(database) + " AND state = 'active' AND query_start < now() - interval '1 second'";
    number(&connection, &query).await
}

/// Ends all connections to the database, and the statements that a killed server has left behind.
pub(super) async fn disconnect(cluster: &Cluster, database: &Database) {
    let connection = testing::connect(&cluster.url()).await;
    let query = connections_of(database);
    loop {
        let ended = query.replace("count(*)", "count(pg_terminate_backend(pid))");
        if number(&connection, &ended).await == 0 {
            return;
        }
        sleep(INTERVAL).await;
    }
}

/// Returns the question for the number of the database's connections.
fn connections_of(database: &Database) -> String {
    let (_, name) = database.url.rsplit_once('/').expect("an address ends with a name");
    format!(
        "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = '{name}' AND backend_type = 'client backend'"
    )
}

async fn number(connection: &impl ConnectionTrait, query: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let row = connection.query_one_raw(statement).await.expect("an answer").expect("a row");
    row.try_get("", "number").expect("a number")
}
