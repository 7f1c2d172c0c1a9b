use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

use crate::Error;

/// How long a statement waits for a free connection, and SQLite for another process's lock, before the request is told to
/// come back later.
const WAIT: Duration = Duration::from_secs(5);
/// A connection unused for this long is asked whether it still lives before it is used again.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);

/// The handle on the task database; cheap to clone, every clone is the same database.
#[derive(Clone, Debug)]
pub struct Db {
    read: DatabaseConnection,
    /// On PostgreSQL the same pool. SQLite has one writer at a time: a pool of one connection queues our own writes in the
    /// order of their arrival, instead of having them collide with "database is locked".
    write: DatabaseConnection,
}

impl Db {
    /// Opens `sqlite:…` (the file and its folder are made when missing), `postgres://…` or `postgresql://…` with at most
    /// `max_connections` connections at a time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be reached, [`Error::Database`] when it refuses us or the address
    /// is not one.
    pub async fn open(url: &str, max_connections: u32) -> Result<Self, Error> {
        migration::prepare(url).map_err(DbErr::Custom)?;
        let mut options = ConnectOptions::new(url);
        options
            .sqlx_logging(false)
            .acquire_timeout(WAIT)
            .connect_timeout(WAIT)
            .test_before_acquire(false)
            .test_before_acquire_if_idle_for(TRUSTED_IDLE)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .busy_timeout(WAIT)
                    .pragma("journal_mode", "WAL")
                    // NORMAL would lose the last commits at a power loss; what was answered is kept.
                    .pragma("synchronous", "FULL")
            })
            // PgBouncer refuses this startup parameter.
            .map_sqlx_postgres_opts(|postgres| postgres.extra_float_digits(None).application_name("task-api"));

        if !url.starts_with("sqlite:") {
            let pool = Database::connect(options.max_connections(max_connections).clone()).await?;
            return Ok(Self { read: pool.clone(), write: pool });
        }
        let mut one = options.clone();
        // It lives as long as the process: closing the last connection would checkpoint and reopen the file, and would end
        // a database in memory.
        one.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
        let write = Database::connect(one).await?;
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Ok(Self { read: write.clone(), write });
        }
        let read = Database::connect(options.max_connections(max_connections).clone()).await?;
        Ok(Self { read, write })
    }

    /// Brings the schema up to date. Several servers may do so at once.
    ///
    /// # Errors
    /// Whatever the database answers; the schema is then as it was.
    pub async fn migrate(&self) -> Result<(), Error> {
        Ok(migration::apply_pending(&self.write).await?)
    }

    /// Waits for the statements under way and closes every connection.
    ///
    /// # Errors
    /// Whatever the database answers to the farewell.
    pub async fn close(self) -> Result<(), Error> {
        self.read.close_by_ref().await?;
        Ok(self.write.close_by_ref().await?)
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.write
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
        let db = Db::open(database.url(), 2).await.unwrap();
        for (pragma, value) in [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1")] {
            let query = format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}");
            let statement = Statement::from_string(db.writer().get_database_backend(), query);
            let row = db.writer().query_one_raw(statement).await.unwrap().unwrap();
            assert_eq!(row.try_get::<String>("", "value").unwrap(), value, "{pragma}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_without_its_password() {
        let error = Db::open("postgres://user:hunter2#/x@host/db", 1).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("percent-encoded") && !told.contains("hunter2"), "{told}");
    }
}
