//! A database of its own for each test.

use sea_orm_migration::sea_orm::DatabaseConnection;

use crate::connection::connect;
use crate::postgres;

/// A kind of database. Everything is tested on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in a temporary folder.
    Sqlite,
    /// A database on a real server.
    Postgres,
}

/// A database that one test owns. It is removed when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    _cleanup: Cleanup,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for the effect of its drop")]
enum Cleanup {
    Directory(tempfile::TempDir),
    Database(postgres::OwnDatabase),
}

impl TestDatabase {
    /// Creates a database with the current schema, or returns `None` if there is no PostgreSQL (reported on standard error,
    /// once).
    ///
    /// With the environment variable `TEST_PARTITIONED=1`, a PostgreSQL database is like that of [`Self::partitioned`]. That runs
    /// the tests of HTTP on tables that are split by owner. Tests of the schema of whole tables fail with it.
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

    /// Creates a PostgreSQL database with the current schema, whose tables are partitioned by owner, or returns `None` if there is
    /// no PostgreSQL (reported on standard error, once). The server works on it as on tables that Citus distributes.
    pub async fn partitioned() -> Option<Self> {
        postgres::OwnDatabase::partitioned().await.map(Self::postgres)
    }

    /// Creates a database without any table, or returns `None` if there is no PostgreSQL (reported on standard error, once).
    pub async fn empty(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => Some(Self::sqlite()),
            Backend::Postgres => postgres::OwnDatabase::empty().await.map(Self::postgres),
        }
    }

    /// Creates a PostgreSQL database with another encoding and without any table, or returns `None` if there is no PostgreSQL
    /// (reported on standard error, once).
    pub async fn with_encoding(encoding: &str) -> Option<Self> {
        postgres::OwnDatabase::with_encoding(encoding).await.map(Self::postgres)
    }

    fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", directory.path().join("tasks.db").display());
        Self { url, _cleanup: Cleanup::Directory(directory) }
    }

    fn postgres(database: postgres::OwnDatabase) -> Self {
        Self { url: database.url().to_owned(), _cleanup: Cleanup::Database(database) }
    }

    /// Returns the address to connect to; on PostgreSQL it contains the password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens a connection of the test's own, beside those of the code under test.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }
}
