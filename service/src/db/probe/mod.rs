//! Health checks of the database, on a connection that no request uses. A busy pool therefore neither delays nor fails a check.

mod postgres;
mod sqlite;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{DbErr, SqlxError};

use self::postgres::PostgresProbe;
pub(super) use self::sqlite::DatabaseFile;
use self::sqlite::SqliteProbe;
use super::Db;
use super::fault::driver_error;
use crate::Error;

/// The time for an answer on a connection that has answered before. After it, a new connection is opened.
const KEPT_CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// The time for opening a connection and for its first answer.
const NEW_CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that a test write waits for a lock. A lock that is not free in that time is no fault of the database.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of a health check. The texts are causes for the log, each in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The database answers, its schema is complete, and no reason is known why a write should fail.
    Good,
    /// The database does not answer.
    Unreachable(String),
    /// A migration or the table of tasks is missing.
    NotMigrated,
    /// The database answers, but no write can succeed.
    NotWritable(String),
}

/// Checks the health of the database. It has one connection of its own, except for a database in memory, which has no second one.
#[derive(Debug)]
pub struct Probe {
    kind: Kind,
    faults: WriteFaults,
}

#[derive(Debug)]
enum Kind {
    Postgres(PostgresProbe),
    Sqlite(SqliteProbe),
    /// A database in memory is part of this process. It is asked through the pool until it has answered once.
    Memory {
        db: Db,
        has_answered: bool,
    },
}

/// How a probe reaches the database.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<DatabaseFile>),
    Memory,
}

impl Db {
    /// Makes a probe of this database. It opens its connection at the first check.
    #[must_use]
    pub fn probe(&self) -> Probe {
        let kind = match &*self.probe_target {
            Target::Postgres(options) => Kind::Postgres(PostgresProbe::new(options)),
            Target::Sqlite(file) => Kind::Sqlite(SqliteProbe::new(DatabaseFile::clone(file))),
            Target::Memory => Kind::Memory { db: self.clone(), has_answered: false },
        };
        Probe { kind, faults: self.write_faults.clone() }
    }
}

impl Probe {
    /// Asks the database once. It takes 8 seconds at most, and changes no data.
    ///
    /// It writes only after a write of a request has failed in a way that can concern all writes, and on SQLite at the first
    /// check. This test write is undone, or writes the value that is there. Its success ends the doubt.
    pub async fn check(&mut self) -> Health {
        match &mut self.kind {
            Kind::Postgres(probe) => probe.check(&self.faults).await,
            Kind::Sqlite(probe) => probe.check(&self.faults).await,
            Kind::Memory { has_answered: true, .. } => Health::Good,
            Kind::Memory { db, has_answered } => match db.is_migrated().await {
                Ok(true) => {
                    *has_answered = true;
                    Health::Good
                }
                Ok(false) => Health::NotMigrated,
                Err(error) => Health::Unreachable(error.to_string()),
            },
        }
    }

    /// Closes its connection, in bounded time.
    pub async fn close(self) {
        match self.kind {
            Kind::Postgres(probe) => probe.close().await,
            Kind::Sqlite(probe) => probe.close().await,
            Kind::Memory { .. } => {}
        }
    }
}

/// Whether a write has failed in a way that can concern all writes: a full disk, a missing table, a database that only reads.
/// A clone shares the value.
#[derive(Clone, Debug)]
pub(super) struct WriteFaults(Arc<AtomicBool>);

impl WriteFaults {
    /// With `is_in_doubt`, the first check tests a write.
    pub(super) fn new(is_in_doubt: bool) -> Self {
        Self(Arc::new(AtomicBool::new(is_in_doubt)))
    }

    /// Notes the outcome of a request's write. A success does not end the doubt: a write that changes no row succeeds on a full
    /// disk too.
    pub(super) fn note<T>(&self, outcome: &Result<T, Error>) {
        if let Err(Error::Unavailable(error) | Error::Database(error)) = outcome
            && can_concern_all_writes(&error.0)
        {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn end_doubt(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn can_concern_all_writes(error: &DbErr) -> bool {
    let Some(SqlxError::Database(answer)) = driver_error(error) else { return false };
    answer.code().is_some_and(|code| match (code.len(), code.parse::<u32>()) {
        // PostgreSQL: read only, no privilege, no such table, insufficient resources (disk full), system error.
        (5, _) => matches!(&*code, "25006" | "42501" | "42P01") || matches!(code.get(..2), Some("53" | "58")),
        // SQLite: READONLY, IOERR, CORRUPT, FULL, CANTOPEN. The low byte is the primary result code.
        (_, Ok(code)) => matches!(code & 0xff, 8 | 10 | 11 | 13 | 14),
        _ => false,
    })
}

/// The names of all migrations as a list of SQL literals, and their number.
fn migrations() -> (String, usize) {
    let names: Vec<String> = Migrator::migrations().iter().map(|migration| format!("'{}'", migration.name())).collect();
    (names.join(", "), names.len())
}

/// Returns an error of the driver in one line. It contains no password.
fn explain(error: &SqlxError) -> String {
    match error {
        SqlxError::Database(answer) => answer.message().to_owned(),
        other => other.to_string(),
    }
    .replace('\n', " ")
}
