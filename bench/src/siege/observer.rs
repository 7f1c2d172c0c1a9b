//! What an attack does to PostgreSQL and to the server's process.

use std::time::Duration;

use testing::{ConnectionTrait, Statement};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::target::Stop;
use crate::database::{Cluster, Database};
use crate::usage;

/// The time between two looks at PostgreSQL.
const INTERVAL: Duration = Duration::from_millis(100);

/// The most that was seen.
#[derive(Clone, Copy, Default)]
pub(super) struct Peak {
    pub(super) connections: i64,
    /// The private memory of PostgreSQL's processes.
    pub(super) mib: f64,
}

/// Looks at PostgreSQL repeatedly.
pub(super) struct Observer {
    stop: Stop,
    task: JoinHandle<Peak>,
}

impl Observer {
    /// Starts to look at the server's database. Its own connection is to another database.
    pub(super) async fn start(cluster: &Cluster, database: &Database) -> Self {
        let (stop, postmaster) = (Stop::default(), database.postmaster.expect("PostgreSQL"));
        let connection = testing::connect(&cluster.url()).await;
        let (should_go_on, query) = (stop.clone(), connections_of(database));
        let task = tokio::spawn(async move {
            let mut peak = Peak::default();
            while should_go_on.is_running() {
                peak.connections = peak.connections.max(number(&connection, &query).await);
                peak.mib = peak.mib.max(usage::private_mib_of_children(postmaster));
                sleep(INTERVAL).await;
            }
            peak
        });
        Self { stop, task }
    }

    pub(super) async fn stop(self) -> Peak {
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
