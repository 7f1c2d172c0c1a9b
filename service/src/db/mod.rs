//! Opening, tuning and checking the database, and the two ways to use it: [`Db::read`] and [`Db::write`].

pub(crate) mod batch;
mod growth;
mod health;
pub(crate) mod kept;
mod key;
mod outage;
mod postgres;
mod sqlite;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use migration::{Address, MigratorTrait, Tls};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use self::growth::Growth;
pub use self::health::PoolUse;
use self::outage::Outage;
use crate::Error;
use crate::tasks::Queues;

/// How long a statement waits for a free connection, and SQLite for another process's lock.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a statement may take in all, its time in a queue and a retry included, before the caller is told to come back later.
const DEADLINE: Duration = Duration::from_secs(10);
/// A connection unused for this long is asked whether it still lives before it is used again: servers, poolers and firewalls
/// drop idle ones.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// How the database is reached.
#[derive(Clone, Debug)]
pub struct DbConfig<'a> {
    /// `sqlite:…`, `postgres://…` or `postgresql://…`; it can hold a password.
    pub url: &'a str,
    /// For migrations, the database without a connection pooler in between.
    pub direct_url: Option<&'a str>,
    /// Connections at a time.
    pub max_connections: u32,
    /// What a connection to another machine must be.
    pub tls: Tls,
    /// How long to wait for a database that is down, when opening it.
    pub patience: Duration,
}

impl<'a> DbConfig<'a> {
    /// This address, and the defaults.
    #[must_use]
    pub fn new(url: &'a str) -> Self {
        Self { url, direct_url: None, max_connections: 16, tls: Tls::default(), patience: Duration::ZERO }
    }
}

/// The handle on the task database; cheap to clone, every clone is the same database.
#[derive(Clone, Debug)]
pub struct Db {
    read: DatabaseConnection,
    /// On PostgreSQL the same pool. SQLite has one writer at a time: a pool of one connection queues our own writes in the
    /// order of their arrival, instead of having them collide with "database is locked".
    write: DatabaseConnection,
    /// On PostgreSQL, to open more of them.
    options: Option<Arc<ConnectOptions>>,
    /// Where migrations go, if not to `write`.
    direct: Option<Arc<ConnectOptions>>,
    outage: Outage,
    cursor_key: Arc<OnceCell<hmac::Key>>,
    queues: Arc<Queues>,
    /// How many were sent.
    statements: Arc<AtomicU64>,
    growth: Arc<Growth>,
}

impl Db {
    /// Opens the database, and says through `notice` what whoever waits should know.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be reached, [`Error::Database`] when it refuses us, when the address is not one,
    /// or when what answers is a pooler that would mix up statements. None of them tells the password.
    pub async fn open(config: &DbConfig<'_>, mut notice: impl FnMut(&str)) -> Result<Self, Error> {
        let parse = |variable: &str, url| {
            Address::parse(url, config.tls).map_err(|problem| DbErr::Custom(format!("{variable} {problem}")))
        };
        let address = parse("DATABASE_URL", config.url)?;
        address.notices.iter().for_each(|text| notice(text));
        let direct = config.direct_url.map(|url| parse("DATABASE_DIRECT_URL", url)).transpose()?;
        if let Some(postgres) = &address.postgres {
            postgres::wait_for(postgres, config.patience, &mut notice).await?;
            postgres::refuse_mixing_pooler(postgres).await?;
        }

        let outage = Outage::default();
        let mut options = address.options;
        options
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .max_connections(config.max_connections)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire_if_idle_for(TRUSTED_IDLE);
        let direct = direct.map(|address| Arc::new(address.options));
        if address.postgres.is_some() {
            outage.watch(&mut options);
            let pool = Database::connect(options.clone()).await?;
            let opened = Self::on(pool.clone(), pool, direct, outage);
            return Ok(Self { options: Some(Arc::new(options)), ..opened });
        }
        let (read, write) = sqlite::open(options, config.url).await?;
        Ok(Self::on(read, write, direct, outage))
    }

    fn on(
        read: DatabaseConnection,
        write: DatabaseConnection,
        direct: Option<Arc<ConnectOptions>>,
        outage: Outage,
    ) -> Self {
        Self {
            read,
            write,
            options: None,
            direct,
            outage,
            cursor_key: Arc::default(),
            queues: Arc::default(),
            statements: Arc::default(),
            growth: Arc::default(),
        }
    }

    /// One handle for each of so many threads, instead of this one: with queues of its own, and on PostgreSQL with its part of
    /// the connections, at least one. A connection is then only used by the thread that opened it, which nobody has to wake.
    ///
    /// # Errors
    /// Whatever the database answers to the farewell of this one's connection.
    pub async fn split(self, threads: NonZero<usize>) -> Result<Vec<Self>, Error> {
        let mut parts = Vec::with_capacity(threads.get());
        for _ in 0..threads.get() {
            let mut part = Self { queues: Arc::default(), ..self.clone() };
            if let Some(options) = &self.options {
                let mut options = ConnectOptions::clone(options);
                let all = options.get_max_connections().unwrap_or(1);
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

    /// What waits to be answered together, see [`batch`].
    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Brings the schema up to date. Several servers may do so at once.
    ///
    /// # Errors
    /// Whatever the database answers; the schema is then as it was.
    pub async fn migrate(&self) -> Result<(), Error> {
        match &self.direct {
            None => Ok(migration::apply_pending(&self.write).await?),
            Some(options) => {
                let direct = Database::connect(ConnectOptions::clone(options).max_connections(1).clone()).await?;
                migration::apply_pending(&direct).await?;
                Ok(direct.close().await?)
            }
        }
    }

    /// Waits for the statements under way, but not for ever, and closes every connection.
    ///
    /// # Errors
    /// Whatever the database answers to the farewell.
    pub async fn close(self) -> Result<(), Error> {
        kept::let_go(self.queues.lanes());
        let closing = async {
            self.read.close_by_ref().await?;
            self.write.close_by_ref().await
        };
        let late = |_| Error::Unavailable(DbErr::Custom("it did not say goodbye".to_owned()));
        Ok(timeout(ACQUIRE, closing).await.map_err(late)??)
    }

    /// Which database it is, where the two differ.
    pub(crate) fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    /// Runs a statement that changes nothing. It is sent once more when its connection turns out to be broken.
    pub(crate) async fn read<T>(
        &self,
        work: impl AsyncFn(&DatabaseConnection) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.outage.bounded(DEADLINE, &self.read, work, outage::is_broken).await
    }

    /// Runs a statement that changes something. It is sent once more only when it was surely not done the first time.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFn(&DatabaseConnection) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.outage.bounded(DEADLINE, &self.write, work, outage::was_not_done).await
    }

    /// Tells that so many tasks were created.
    pub(crate) fn has_grown_by(&self, tasks: usize) {
        // SQLite's plans do not depend on how large the table is.
        if self.backend() == DbBackend::Postgres
            && let Some(mark) = self.growth.count(tasks)
        {
            let db = self.clone();
            tokio::spawn(async move { growth::look(&db, mark).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Statement};
    use testing::{Backend, TestDatabase};

    use super::*;

    #[tokio::test]
    async fn what_sqlite_acknowledges_is_on_the_disk() {
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
