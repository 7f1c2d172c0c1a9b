//! The databases of the measurements: created, filled, and brought to rest between measurements.

use std::path::{Path, PathBuf};

use testing::{ConnectionTrait, OwnCluster, Statement};

use crate::population::Population;

/// The settings of PostgreSQL for a machine of this size.
///
/// They also keep PostgreSQL's own maintenance out of the measurements. A measurement begins after a checkpoint and a VACUUM
/// ([`Database::rest`]) and ends before the next one is due. Durability is that of the defaults: `fsync`, `synchronous_commit`
/// and `full_page_writes` are on.
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

/// Adds the columns that `limit` and the floor need and that the first schema did not have. So an old build of the server, which
/// does not use them, can be compared on PostgreSQL. Existing columns are left as they are.
const COLUMNS: &str = "ALTER TABLE task
    ADD COLUMN IF NOT EXISTS completed_at timestamptz,
    ADD COLUMN IF NOT EXISTS due_date text,
    ADD COLUMN IF NOT EXISTS due_at timestamptz,
    ADD COLUMN IF NOT EXISTS priority smallint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS tags text NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS title_folded text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS description_folded text,
    ADD COLUMN IF NOT EXISTS tags_folded text NOT NULL DEFAULT ''";

/// A private PostgreSQL. It is stopped and removed when this is dropped.
pub(crate) struct Cluster(OwnCluster);

impl Cluster {
    pub(crate) fn start() -> Self {
        Self(OwnCluster::start(SETTINGS, |_| {}).expect("PostgreSQL's programs are needed"))
    }

    /// Creates a database in it.
    pub(crate) async fn create(&self, name: &str) -> Database {
        let statement = format!("CREATE DATABASE {name}");
        testing::connect(&self.0.url()).await.execute_unprepared(&statement).await.expect("CREATE DATABASE");
        let url = self.0.url();
        let (server, _) = url.rsplit_once('/').expect("an address ends with a name");
        Database { url: format!("{server}/{name}"), postmaster: Some(self.postmaster()) }
    }

    /// Returns the address of another database than those of [`Cluster::create`].
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    fn postmaster(&self) -> u32 {
        let file = self.0.directory().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the cluster runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a process id")
    }
}

/// A database, and the main process of its server.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
    /// The process id of PostgreSQL's main process. `None` for SQLite, which runs in the server's process.
    pub(crate) postmaster: Option<u32>,
}

/// The number of tasks of the user with the long list.
pub(crate) const LONG_LIST: u32 = 100_000;

impl Database {
    /// Returns an SQLite database in this folder; the server creates the file.
    pub(crate) fn sqlite(directory: &Path) -> Self {
        let file: PathBuf = directory.join("tasks.db");
        Self { url: format!("sqlite://{}", file.display()), postmaster: None }
    }

    /// Fills a migrated, empty database. Ids start at 1.
    pub(crate) async fn fill(&self, population: Population) {
        if self.postmaster.is_some() {
            self.execute(COLUMNS).await;
        }
        self.insert(population.rows(), &population.user()).await;
        self.analyze().await;
    }

    /// Updates the statistics of the database, so that it plans for the current number of rows.
    pub(crate) async fn analyze(&self) {
        self.execute(if self.postmaster.is_some() { "VACUUM ANALYZE task" } else { "ANALYZE task" }).await;
    }

    /// Creates tasks to be deleted, with consecutive ids, and returns the first id.
    pub(crate) async fn add_deletable(&self, count: u32) -> i64 {
        self.execute("DELETE FROM task WHERE user_id = 'deleter'").await;
        self.insert(count, "'deleter'").await;
        let connection = testing::connect(&self.url).await;
        let first = "SELECT min(id) AS first FROM task WHERE user_id = 'deleter'";
        let statement = Statement::from_string(connection.get_database_backend(), first);
        let row = connection.query_one_raw(statement).await.expect("the first id").expect("a row");
        row.try_get("", "first").expect("a number")
    }

    /// Gives one user [`LONG_LIST`] tasks.
    pub(crate) async fn add_long_list(&self) {
        self.execute("DELETE FROM task WHERE user_id = 'long-list'").await;
        self.insert(LONG_LIST, "'long-list'").await;
        self.rest().await;
    }

    /// Completes the maintenance that earlier measurements have left to do: VACUUM and a checkpoint.
    pub(crate) async fn rest(&self) {
        if self.postmaster.is_some() {
            self.execute("VACUUM task").await;
            self.execute("CHECKPOINT").await;
        } else {
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
    }

    /// Gives a user tasks with priorities, tags and due dates, and this description.
    pub(crate) async fn add_tasks(&self, user: &str, count: u32, description: &str) {
        let due_at = if self.postmaster.is_some() {
            "CASE n % 3 WHEN 0 THEN timestamptz '2026-12-10T00:00:00Z' + n % 20 * interval '1 day' END"
        } else {
            "CASE n % 3 WHEN 0 THEN '2026-12-' || (10 + n % 20) || 'T00:00:00.000000+00:00' END"
        };
        let more = [
            ("priority", "n % 4"),
            ("tags", r#"CASE n % 5 WHEN 0 THEN '["Home","Errands"]' ELSE '["Work"]' END"#),
            ("tags_folded", "CASE n % 5 WHEN 0 THEN '\nhome\nerrands\n' ELSE '\nwork\n' END"),
            ("due_date", "CASE n % 3 WHEN 0 THEN '2026-12-' || (10 + n % 20) END"),
            ("due_at", due_at),
        ];
        self.insert_with(count, &format!("'{user}'"), description, &more).await;
    }

    async fn insert(&self, count: u32, user: &str) {
        self.insert_with(count, user, "Two litres, and bread if there is some left", &[]).await;
    }

    /// `user` and the values of `more` are expressions in SQL, over the number `n` of the row.
    async fn insert_with(&self, count: u32, user: &str, description: &str, more: &[(&str, &str)]) {
        let time = if self.postmaster.is_some() {
            "timestamptz '2026-01-01T00:00:00Z' + n * interval '1 second'"
        } else {
            "strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 1767225600 + n, 'unixepoch')"
        };
        let completed_at = format!("CASE n % 3 WHEN 0 THEN {time} END");
        let (description, folded) = (format!("'{description}'"), format!("'{}'", description.to_lowercase()));
        let columns = [
            ("user_id", user),
            ("title", "'Buy milk ' || n"),
            ("title_folded", "'buy milk ' || n"),
            ("description", &description),
            ("description_folded", &folded),
            ("completed", "n % 3 = 0"),
            ("completed_at", &completed_at),
            ("created_at", time),
            ("updated_at", time),
        ];
        let columns = [&columns, more].concat();
        testing::seed(&testing::connect(&self.url).await, count, &columns).await;
    }

    async fn execute(&self, statement: &str) {
        let connection = testing::connect(&self.url).await;
        if let Err(error) = connection.execute_unprepared(statement).await {
            panic!("{error}: {statement}");
        }
    }
}
