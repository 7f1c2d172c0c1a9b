use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fs, io};

use rustix::fs::{Access, access};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Row, raw_sql};
use sea_orm::{DbErr, SqlxError};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Health, KEPT_CONNECTION_TIMEOUT, LOCK_TIMEOUT, NEW_CONNECTION_TIMEOUT, WriteFaults, explain, migrations};

/// The file of a database that is open, and how to open it once more.
///
/// The file itself is never opened here: closing it would release the locks that SQLite has on it in this process.
#[derive(Clone, Debug)]
pub(in crate::db) struct DatabaseFile {
    options: SqliteConnectOptions,
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl DatabaseFile {
    /// Describes the file of this address, which exists.
    ///
    /// # Errors
    /// If the address is invalid, or if there is no such file.
    pub(in crate::db) fn of(url: &str) -> Result<Self, DbErr> {
        let invalid = |error: &dyn std::error::Error| DbErr::Custom(format!("the database's file: {error}"));
        let options = SqliteConnectOptions::from_str(url).map_err(|error| invalid(&error))?;
        let path = options.get_filename().to_owned();
        let device_and_inode = identify(&path).map_err(|error| invalid(&error))?;
        Ok(Self { options: options.create_if_missing(false).busy_timeout(LOCK_TIMEOUT), path, device_and_inode })
    }

    /// Returns why the file cannot be written to, if that is so.
    fn problem(&self) -> Option<String> {
        match identify(&self.path) {
            Ok(found) if found == self.device_and_inode => {}
            Ok(_) => return Some("its file was replaced by another one: restart the server".to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Some("its file is gone".to_owned()),
            Err(error) => return Some(format!("its file cannot be found: {error}")),
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        for (name, path, needed) in
            [("file", self.path.as_path(), Access::WRITE_OK), ("folder", folder, Access::WRITE_OK | Access::EXEC_OK)]
        {
            if let Err(error) = access(path, needed) {
                return Some(format!("its {name} cannot be written to: {error}"));
            }
        }
        None
    }
}

fn identify(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Probes a database in a file.
#[derive(Debug)]
pub(super) struct SqliteProbe {
    file: DatabaseFile,
    question: String,
    /// The number of migrations that must have been applied.
    migrations: i64,
    connection: Option<SqliteConnection>,
}

/// The tables without which no request can be answered.
const TABLES: &str = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('task', 'seaql_migrations')";

impl SqliteProbe {
    pub(super) fn new(file: DatabaseFile) -> Self {
        let (names, migrations) = migrations();
        Self {
            file,
            question: format!("SELECT count(*) FROM seaql_migrations WHERE version IN ({names})"),
            migrations: i64::try_from(migrations).unwrap_or(i64::MAX),
            connection: None,
        }
    }

    pub(super) async fn check(&mut self, faults: &WriteFaults) -> Health {
        let file = self.file.clone();
        // A file system that does not answer must not hold up the thread.
        let problem = timeout(KEPT_CONNECTION_TIMEOUT, spawn_blocking(move || file.problem())).await;
        match problem {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(problem))) => return Health::NotWritable(problem),
            Ok(Err(_)) | Err(_) => return Health::Unreachable("its file system does not answer".to_owned()),
        }
        let kept = self.connection.take();
        let attempt = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => SqliteConnection::connect_with(&self.file.options).await?,
            };
            let health = self.ask(&mut connection, faults).await?;
            Ok::<_, SqlxError>((connection, health))
        };
        match timeout(NEW_CONNECTION_TIMEOUT, attempt).await {
            Ok(Ok((connection, health))) => {
                self.connection = Some(connection);
                health
            }
            Ok(Err(error)) => Health::Unreachable(explain(&error)),
            Err(_) => Health::Unreachable(format!("no answer within {} s", NEW_CONNECTION_TIMEOUT.as_secs())),
        }
    }

    async fn ask(&self, connection: &mut SqliteConnection, faults: &WriteFaults) -> Result<Health, SqlxError> {
        if number(connection, TABLES).await? != 2 || number(connection, &self.question).await? != self.migrations {
            return Ok(Health::NotMigrated);
        }
        if !faults.is_in_doubt() {
            return Ok(Health::Good);
        }
        match test_write(connection).await {
            Ok(()) => {
                faults.end_doubt();
                Ok(Health::Good)
            }
            // Another writer has the lock. The doubt remains.
            Err(error) if is_busy(&error) => Ok(Health::Good),
            Err(error @ SqlxError::Database(_)) => Ok(Health::NotWritable(explain(&error))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = timeout(KEPT_CONNECTION_TIMEOUT, connection.close()).await;
        }
    }
}

async fn number(connection: &mut SqliteConnection, query: &str) -> Result<i64, SqlxError> {
    raw_sql(AssertSqlSafe(query)).fetch_one(connection).await?.try_get(0)
}

/// Writes a value that this program does not use: the one that is there. SQLite then writes a page all the same.
async fn test_write(connection: &mut SqliteConnection) -> Result<(), SqlxError> {
    let version = number(connection, "PRAGMA user_version").await?;
    let write = format!("PRAGMA user_version = {version}");
    raw_sql(AssertSqlSafe(write)).execute(connection).await.map(drop)
}

/// Whether the error is `SQLITE_BUSY` or `SQLITE_LOCKED`, or one that extends them.
fn is_busy(error: &SqlxError) -> bool {
    let SqlxError::Database(answer) = error else { return false };
    answer.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}
