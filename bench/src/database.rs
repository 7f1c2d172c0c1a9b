//! The databases that are measured on: made, filled, and brought to rest between measurements.

use std::path::{Path, PathBuf};

use testing::{ConnectionTrait, OwnCluster, Statement};

/// What is set for a server of this size, and what keeps the server's own housekeeping out of the measurements: they begin
/// after a checkpoint and a VACUUM ([`Database::rest`]) and end before the next one is due. Nothing is less durable than by
/// default: `fsync`, `synchronous_commit` and `full_page_writes` are on.
const SETTINGS: &str = "
    max_connections = 200
    shared_buffers = 1GB
    max_wal_size = 16GB
    checkpoint_timeout = 1h
    autovacuum = off
    random_page_cost = 1.1
    fsync = on
    synchronous_commit = on
    full_page_writes = on
";

/// What `limit` and the floor need and the first schema did not have, so that a server from before, which never looks at them,
/// can be compared with on PostgreSQL. Where they are, nothing happens.
const COLUMNS: &str = "ALTER TABLE task
    ADD COLUMN IF NOT EXISTS completed_at timestamptz,
    ADD COLUMN IF NOT EXISTS due_date text,
    ADD COLUMN IF NOT EXISTS due_at timestamptz,
    ADD COLUMN IF NOT EXISTS priority smallint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS tags text NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS title_folded text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS description_folded text,
    ADD COLUMN IF NOT EXISTS tags_folded text NOT NULL DEFAULT ''";

/// A private PostgreSQL, gone when it is dropped.
pub(crate) struct Cluster(OwnCluster);

impl Cluster {
    pub(crate) fn start() -> Self {
        Self(OwnCluster::start(SETTINGS, |_| {}).expect("PostgreSQL's programs are needed"))
    }

    /// A new database in it.
    pub(crate) async fn create(&self, name: &str) -> Database {
        let statement = format!("CREATE DATABASE {name}");
        testing::connect(&self.0.url()).await.execute_unprepared(&statement).await.expect("CREATE DATABASE");
        let url = self.0.url();
        let (server, _) = url.rsplit_once('/').expect("an address ends with a name");
        Database { url: format!("{server}/{name}"), postmaster: Some(self.postmaster()) }
    }

    fn postmaster(&self) -> u32 {
        let file = self.0.directory().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the cluster runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a process id")
    }
}

/// A database, and the first process of its server.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
    /// Of PostgreSQL; SQLite works within the server's own process.
    pub(crate) postmaster: Option<u32>,
}

/// Which tasks there are: those of `users` readers with `tasks` each, and of every `stride` rows only one is a reader's. See
/// `any_task` in load.lua.
#[derive(Clone, Copy)]
pub(crate) struct Population {
    pub(crate) users: u32,
    pub(crate) tasks: u32,
    pub(crate) stride: u32,
    /// Whether the rows of one user lie side by side, as where they come all at once, or far apart, as where people come and go.
    pub(crate) together: bool,
}

impl Population {
    pub(crate) fn rows(self) -> u32 {
        self.users * self.tasks * self.stride
    }

    /// How far the id of a reader's task is from that of the same reader's task before it.
    pub(crate) fn task_step(self) -> u32 {
        if self.together { 1 } else { self.stride * self.users }
    }

    /// How far it is from that of the reader before.
    pub(crate) fn user_step(self) -> u32 {
        if self.together { self.stride * self.tasks } else { self.stride }
    }

    /// Returns the owner of row `n`, which counts from 1, in SQL. Every other user has as many tasks as a reader.
    fn user(self) -> String {
        let Self { users, tasks, stride, together } = self;
        let all = self.rows() / tasks;
        if together {
            format!(
                "CASE (n - 1) / {tasks} % {stride} WHEN 0 THEN 'reader-' || ((n - 1) / {tasks} / {stride}) \
                 ELSE 'other-' || ((n - 1) / {tasks}) END"
            )
        } else {
            format!(
                "CASE (n - 1) % {stride} WHEN 0 THEN 'reader-' || ((n - 1) / {stride} % {users}) \
                 ELSE 'other-' || ((n - 1) % {all}) END"
            )
        }
    }
}

/// The tasks of one who keeps all of them.
pub(crate) const HOARD: u32 = 100_000;

impl Database {
    /// A file of SQLite's in this folder.
    pub(crate) fn sqlite(directory: &Path) -> Self {
        let file: PathBuf = directory.join("tasks.db");
        Self { url: format!("sqlite://{}", file.display()), postmaster: None }
    }

    /// Fills a migrated database that is empty: ids begin with 1.
    pub(crate) async fn fill(&self, population: Population) {
        if self.postmaster.is_some() {
            self.execute(COLUMNS).await;
        }
        self.insert(population.rows(), &population.user()).await;
        self.execute(if self.postmaster.is_some() { "VACUUM ANALYZE task" } else { "ANALYZE task" }).await;
    }

    /// Makes tasks to be deleted, with ids in a row, and tells the first.
    pub(crate) async fn dispose_of(&self, count: u32) -> i64 {
        self.execute("DELETE FROM task WHERE user_id = 'disposer'").await;
        self.insert(count, "'disposer'").await;
        let connection = testing::connect(&self.url).await;
        let first = "SELECT min(id) AS first FROM task WHERE user_id = 'disposer'";
        let statement = Statement::from_string(connection.get_database_backend(), first);
        let row = connection.query_one_raw(statement).await.expect("the first id").expect("a row");
        row.try_get("", "first").expect("a number")
    }

    /// Gives one user [`HOARD`] tasks.
    pub(crate) async fn hoard(&self) {
        self.execute("DELETE FROM task WHERE user_id = 'hoarder'").await;
        self.insert(HOARD, "'hoarder'").await;
        self.rest().await;
    }

    /// Lets what earlier measurements left behind be done with before the next one begins.
    pub(crate) async fn rest(&self) {
        if self.postmaster.is_some() {
            self.execute("VACUUM task").await;
            self.execute("CHECKPOINT").await;
        } else {
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
    }

    async fn insert(&self, count: u32, user: &str) {
        let time = if self.postmaster.is_some() {
            "timestamptz '2026-01-01T00:00:00Z' + n * interval '1 second'"
        } else {
            "strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 1767225600 + n, 'unixepoch')"
        };
        let completed_at = format!("CASE n % 3 WHEN 0 THEN {time} END");
        let columns = [
            ("user_id", user),
            ("title", "'Buy milk ' || n"),
            ("title_folded", "'buy milk ' || n"),
            ("description", "'Two litres, and bread if there is some left'"),
            ("description_folded", "'two litres, and bread if there is some left'"),
            ("completed", "n % 3 = 0"),
            ("completed_at", &completed_at),
            ("created_at", time),
            ("updated_at", time),
        ];
        testing::seed(&testing::connect(&self.url).await, count, &columns).await;
    }

    async fn execute(&self, statement: &str) {
        let connection = testing::connect(&self.url).await;
        if let Err(error) = connection.execute_unprepared(statement).await {
            panic!("{error}: {statement}");
        }
    }
}
