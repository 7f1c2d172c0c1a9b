use sea_orm_migration::sea_orm::{ConnectOptions, Database, DatabaseConnection};

use crate::postgres;

/// The two databases that everything is tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in a temporary folder.
    Sqlite,
    /// A database on a real server.
    Postgres,
}

/// A database that one test owns; gone when it is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    _cleanup: Cleanup,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for what its drop does")]
enum Cleanup {
    Directory(tempfile::TempDir),
    Database(postgres::OwnDatabase),
}

impl TestDatabase {
    /// A database with the current schema, or `None` where there is no PostgreSQL (said loudly, once).
    pub async fn migrated(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let database = Self::sqlite();
                migration::apply_pending(&database.connect().await).await.expect("SQLite migrates");
                Some(database)
            }
            Backend::Postgres => postgres::OwnDatabase::migrated().await.map(Self::postgres),
        }
    }

    /// A database without any table, or `None` where there is no PostgreSQL (said loudly, once).
    pub async fn empty(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => Some(Self::sqlite()),
            Backend::Postgres => postgres::OwnDatabase::empty().await.map(Self::postgres),
        }
    }

    fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", directory.path().join("tasks.db").display());
        Self { url, _cleanup: Cleanup::Directory(directory) }
    }

    fn postgres(database: postgres::OwnDatabase) -> Self {
        Self { url: database.url().to_owned(), _cleanup: Cleanup::Database(database) }
    }

    /// The address to connect to; on PostgreSQL with the password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection of the test's own, beside those of what it tests.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }
}

/// A connection of a test's own to any database.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(true));
    Database::connect(options).await.expect("the test database can be reached")
}

/// Waits for a future from where no waiting is allowed (a runtime's own thread, a drop): on a thread of its own.
pub(crate) fn block_on(future: impl Future<Output = ()> + Send + 'static) {
    let waited = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future);
    });
    assert!(waited.join().is_ok() || std::thread::panicking(), "the test database failed, see above");
}
