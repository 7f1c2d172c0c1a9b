//! The connections: opening them, timeouts and retries, health. Statements run through [`Db::read`] and [`Db::write`].
#![expect(clippy::disallowed_methods, reason = "this room checks connections with statements of its own")]

mod bounded;
mod clock;
mod config;
mod destination;
pub(crate) mod fault;
mod health;
pub(crate) mod lease;
mod postgres;
mod probe;
mod retry;
mod schema;
mod sqlite;
mod transaction;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use migration::{Address, Layout, is_in_memory};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr};
use tokio::time::timeout;

pub use self::config::DbConfig;
use self::destination::{Destination, named};
use self::fault::Fault;
pub use self::health::PoolUse;
use self::probe::{DatabaseFile, Target, WriteFaults};
pub use self::probe::{Health, Probe};
use self::retry::Outages;
pub use self::schema::Schema;
pub(crate) use self::transaction::Transaction;
use crate::{Cause, Error};

/// The time that a statement waits for a free connection, and SQLite for a lock of another process.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that one question to the database may take in all, its time in a queue and a retry included. After it the caller gets
/// [`Error::Unavailable`].
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// The idle time after which a connection is checked before it is used again. Servers, poolers and firewalls drop idle
/// connections.
const TRUSTED_IDLE_TIME: Duration = Duration::from_secs(1);

/// A handle on the connections of the database. A clone is cheap and shares them.
#[derive(Clone, Debug)]
pub struct Db {
    read: DatabaseConnection,
    /// On PostgreSQL the same pool as `read`. SQLite has one writer at a time: a pool with one connection queues the writes of
    /// this process in the order of their arrival, so that they do not fail with "database is locked".
    write: DatabaseConnection,
    /// On PostgreSQL, the options to open more connections.
    options: Option<Arc<ConnectOptions>>,
    /// The address for migrations, if it is not that of `write`.
    direct: Option<Arc<ConnectOptions>>,
    /// The name of the address for migrations, for errors.
    migrated_name: Arc<str>,
    /// Whether the tables are whole or split by owner.
    layout: Layout,
    outages: Outages,
    probe_target: Arc<Target>,
    write_faults: WriteFaults,
    /// The number of statements that were sent.
    statements: Arc<AtomicU64>,
}

impl Db {
    /// Opens the database. `notice` receives sentences for the operator, for example that the database is down and waited for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database cannot be reached. [`Error::Database`] if it refuses the connection, if the
    /// address is invalid, if the address is that of a pooler that mixes up prepared statements, if the encoding of the
    /// database is not UTF8, or if its clock differs from this machine's by more than a minute. No error contains the password.
    pub(crate) async fn open(config: &DbConfig<'_>, mut notice: impl FnMut(&str)) -> Result<Self, Error> {
        let destination = Destination::of_requests(config)?;
        let name = destination.name();
        let direct = Destination::of_migrations(config)?;
        let migrated_name: Arc<str> = direct.as_ref().map_or_else(|| name.clone(), Destination::name).into();
        let direct = direct.map(|direct| Arc::new(direct.address.options));
        destination.address.notices.iter().for_each(|text| notice(text));
        if let Some(postgres) = &destination.address.postgres {
            postgres::wait_for(&name, postgres, config.startup_wait, &mut notice).await?;
            postgres::refuse_mixing_pooler(postgres).await.map_err(named(&name))?;
        }
        let opened = Self::connect(destination.address, config, &mut notice).await.map_err(named(&name))?;
        Ok(Self { direct, migrated_name, ..opened })
    }

    /// Connects to a database that is up.
    async fn connect(address: Address, config: &DbConfig<'_>, notice: &mut impl FnMut(&str)) -> Result<Self, Error> {
        let outages = Outages::default();
        let mut options = address.options;
        options
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .max_connections(config.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire_if_idle_for(TRUSTED_IDLE_TIME);
        let mut layout = Layout::Whole;
        let (read, write, options, probe_target) = if let Some(postgres) = address.postgres {
            outages.watch(&mut options);
            let pool = Database::connect(options.clone()).await?;
            migration::refuse_other_encodings(&pool).await?;
            clock::compare(&pool, notice).await?;
            layout = migration::layout(&pool).await?;
            (pool.clone(), pool, Some(Arc::new(options)), Target::Postgres(Box::new(postgres)))
        } else {
            let (read, write) = sqlite::open(options, config.url).await?;
            let target = if is_in_memory(config.url) {
                Target::Memory
            } else {
                Target::Sqlite(Box::new(DatabaseFile::of(config.url)?))
            };
            (read, write, None, target)
        };
        // Whether an SQLite database can be written to is only known after a first write.
        let write_faults = WriteFaults::new(matches!(probe_target, Target::Sqlite(_)));
        let (probe_target, statements) = (Arc::new(probe_target), Arc::default());
        let (direct, migrated_name) = (None, Arc::default());
        Ok(Self {
            read,
            write,
            options,
            direct,
            migrated_name,
            layout,
            outages,
            probe_target,
            write_faults,
            statements,
        })
    }

    /// Splits the handle into one for each thread. On PostgreSQL one connection is kept for the [`Probe`] and one for
    /// [`Self::with_own_connection`], and each thread gets its share of the others, at least one. A connection is then used only
    /// by the thread that opened it, so that an answer wakes no other thread.
    ///
    /// # Errors
    /// An error of the database while the connection of this handle is closed.
    pub(crate) async fn split(self, threads: NonZero<usize>) -> Result<Vec<Self>, Error> {
        let mut parts = Vec::with_capacity(threads.get());
        for _ in 0..threads.get() {
            let mut part = self.clone();
            if let Some(options) = &self.options {
                let mut options = ConnectOptions::clone(options);
                let all = options.get_max_connections().unwrap_or(1).saturating_sub(2);
                let share = all / u32::try_from(threads.get()).unwrap_or(u32::MAX);
                options.max_connections(share.max(1)).connect_lazy(true);
                let pool = Database::connect(options).await?;
                (part.read, part.write) = (pool.clone(), pool);
            }
            parts.push(part);
        }
        if self.options.is_some() {
            self.close().await?;
        }
        Ok(parts)
    }

    /// Makes a handle with one connection of its own, for work that must not take one from requests. [`Self::split`] keeps it
    /// free. On SQLite, which has one writer, the handle shares the connections.
    pub(crate) async fn with_own_connection(&self) -> Result<Self, Error> {
        let mut own = self.clone();
        if let Some(options) = &self.options {
            let options = ConnectOptions::clone(options).max_connections(1).connect_lazy(true).clone();
            let pool = Database::connect(options).await?;
            (own.read, own.write) = (pool.clone(), pool);
        }
        Ok(own)
    }

    /// Closes the connection of a handle that [`Self::with_own_connection`] has made.
    pub(crate) async fn give_up_connection_of(&self, own: Self) -> Result<(), Error> {
        if self.options.is_some() { own.close().await } else { Ok(()) }
    }

    /// Brings the schema up to date. Several servers may do so at the same time.
    ///
    /// # Errors
    /// An error of the database. The schema is then unchanged.
    pub async fn migrate(&self) -> Result<(), Error> {
        let migrating = async {
            match &self.direct {
                None => Ok(migration::apply_pending(&self.write).await?),
                Some(options) => {
                    let direct = Database::connect(ConnectOptions::clone(options).max_connections(1).clone()).await?;
                    migration::apply_pending(&direct).await?;
                    Ok(direct.close().await?)
                }
            }
        };
        migrating.await.map_err(named(&self.migrated_name))
    }

    /// Closes every connection, after a bounded wait for the statements in flight.
    ///
    /// # Errors
    /// An error of the database while a connection is closed.
    pub(crate) async fn close(self) -> Result<(), Error> {
        let closing = async {
            self.read.close_by_ref().await?;
            self.write.close_by_ref().await
        };
        let late = |_| Error::Unavailable(Cause::of("the connections did not close in time"));
        Ok(timeout(ACQUIRE_TIMEOUT, closing).await.map_err(late)??)
    }

    /// The kind of database.
    pub(crate) fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    /// Whether the tables are whole or split by owner. It is found out when the database is opened.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Runs a statement that changes nothing. If its connection turns out to be broken, the statement is sent once more.
    pub(crate) async fn read<T>(
        &self,
        work: impl AsyncFn(&DatabaseConnection) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.outages.run(DEADLINE, &self.read, work, Fault::breaks_connection).await
    }

    /// Runs a statement that changes data. It is sent once more only if it was certainly not done the first time.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFn(&DatabaseConnection) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let outcome = self.outages.run(DEADLINE, &self.write, work, Fault::was_not_done).await;
        self.write_faults.note(&outcome);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Statement};
    use testing::{Backend, TestDatabase};

    use super::*;

    #[tokio::test]
    async fn a_handle_with_a_connection_of_its_own_works_while_requests_have_taken_all_others() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = Db::open(&DbConfig { max_connections: 1, ..DbConfig::new(database.url()) }, |_| {}).await.unwrap();
        let _taken = db.write.get_postgres_connection_pool().acquire().await.unwrap();
        let own = db.with_own_connection().await.unwrap();
        let delete = Statement::from_string(DbBackend::Postgres, "DELETE FROM task");
        assert_eq!(own.execute(&delete, Duration::from_mins(1)).await.unwrap(), 0);
        db.give_up_connection_of(own).await.unwrap();
    }

    #[tokio::test]
    async fn sqlite_writes_to_the_disk_before_it_acknowledges() {
        let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        for (pragma, value) in [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1")] {
            let query = format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}");
            let statement = Statement::from_string(db.backend(), query);
            let row = db.write.query_one_raw(statement).await.unwrap().unwrap();
            assert_eq!(row.try_get::<String>("", "value").unwrap(), value, "{pragma}");
        }
    }
}
