use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgPool, Postgres};
use sea_orm::sqlx::sqlite::{Sqlite, SqlitePool};
use sea_orm::sqlx::{self, AssertSqlSafe, SqlSafeStr};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Statement, Values};
use sea_query_sqlx::SqlxValues;

use super::fault::{Fault, query_error};
use super::{Db, Transaction};
use crate::Error;

/// The further time after which a statement is abandoned whose limit the database did not enforce: it does not answer at all.
const GRACE: Duration = Duration::from_secs(5);
/// The time in milliseconds for which a statement waits for a row that another transaction has locked.
const LOCK_TIMEOUT: u32 = 5000;
/// The time in milliseconds after which PostgreSQL ends a transaction that sends nothing. Its server is frozen or cannot be
/// reached, and others wait for its locks.
const IDLE_TIMEOUT: u32 = 5000;
/// The number of SQLite's instructions between two looks at the time: less than a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// Statements that are sent alone. Their cost depends on the caller's data, so each has a time limit that the database itself
/// enforces: a future that is dropped does not end its statement.
impl Db {
    /// Runs a statement that reads, and folds its rows into a value. The statement ends within `limit`, which begins when it has
    /// a connection.
    pub(crate) async fn select<T: Default>(
        &self,
        statement: &Statement,
        limit: Duration,
        fold: impl Fn(&mut T, QueryResult) -> Result<(), DbErr>,
    ) -> Result<T, Error> {
        self.select_planned(Sorting::Free, statement, limit, fold).await
    }

    /// The same for a statement that reads the log of changes, see [`Sorting::Avoided`].
    pub(crate) async fn select_in_order<T: Default>(
        &self,
        statement: &Statement,
        limit: Duration,
        fold: impl Fn(&mut T, QueryResult) -> Result<(), DbErr>,
    ) -> Result<T, Error> {
        self.select_planned(Sorting::Avoided, statement, limit, fold).await
    }

    async fn select_planned<T: Default>(
        &self,
        sorting: Sorting,
        statement: &Statement,
        limit: Duration,
        fold: impl Fn(&mut T, QueryResult) -> Result<(), DbErr>,
    ) -> Result<T, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let make = || select_once(&self.read, sorting, statement, limit, &fold);
        self.outages.attempt(limit + GRACE, make, Fault::breaks_connection).await
    }

    /// Runs a statement that writes, and returns the number of rows that it wrote. On PostgreSQL it ends within `limit`. On
    /// SQLite its size must bound it.
    pub(crate) async fn execute(&self, statement: &Statement, limit: Duration) -> Result<u64, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let make = || execute_once(&self.write, statement, limit);
        let outcome = self.outages.attempt(limit + GRACE, make, Fault::was_not_done).await;
        self.write_faults.note(&outcome);
        outcome
    }

    /// Runs a transaction that writes. On PostgreSQL each of its statements ends within `limit`. On SQLite their size must bound
    /// them. `work` commits.
    pub(crate) async fn transact<T, F: Future<Output = Result<T, DbErr>>>(
        &self,
        limit: Duration,
        work: impl Fn(Transaction) -> F,
    ) -> Result<T, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let make = async || work(Transaction::begin(&self.write, self.layout, limit).await?).await;
        let outcome = self.outages.attempt(limit + GRACE, make, Fault::was_not_done).await;
        self.write_faults.note(&outcome);
        outcome
    }
}

/// What PostgreSQL's planner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sorting {
    /// Whatever costs least.
    Free,
    /// It sorts only if no index has the order.
    ///
    /// PostgreSQL takes an owner whom its statistics do not know for one of few rows. It would then read and sort all changes of
    /// the owner for each row, and not enter the index that has their order: seconds instead of milliseconds for many changes.
    Avoided,
}

async fn select_once<T: Default>(
    db: &DatabaseConnection,
    sorting: Sorting,
    statement: &Statement,
    limit: Duration,
    fold: &impl Fn(&mut T, QueryResult) -> Result<(), DbErr>,
) -> Result<T, DbErr> {
    let mut folded = T::default();
    if db.get_database_backend() == DbBackend::Postgres {
        let mut transaction = begin(db.get_postgres_connection_pool(), limit, sorting).await?;
        let mut rows = query_of::<Postgres>(statement).fetch(&mut *transaction);
        while let Some(row) = rows.try_next().await.map_err(query_error)? {
            fold(&mut folded, row.into())?;
        }
        return Ok(folded);
    }
    let mut timed = TimedConnection::acquire(db.get_sqlite_connection_pool(), limit).await?;
    let done = {
        let mut rows = query_of::<Sqlite>(statement).fetch(&mut *timed.connection);
        loop {
            match rows.try_next().await {
                Ok(None) => break Ok(()),
                Ok(Some(row)) => fold(&mut folded, row.into())?,
                Err(error) => break Err(query_error(error)),
            }
        }
    };
    timed.give_back().await?;
    done.map(|()| folded)
}

async fn execute_once(db: &DatabaseConnection, statement: &Statement, limit: Duration) -> Result<u64, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        let mut transaction = begin(db.get_postgres_connection_pool(), limit, Sorting::Free).await?;
        let done = query_of::<Postgres>(statement).execute(&mut *transaction).await.map_err(query_error)?;
        transaction.commit().await.map_err(query_error)?;
        return Ok(done.rows_affected());
    }
    let pool = db.get_sqlite_connection_pool();
    let done = query_of::<Sqlite>(statement).execute(pool).await.map_err(query_error)?;
    Ok(done.rows_affected())
}

pub(super) fn query_of<D>(statement: &Statement) -> sqlx::query::Query<'_, D, SqlxValues>
where
    D: sqlx::Database,
    SqlxValues: for<'q> sqlx::IntoArguments<D>,
{
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
}

/// Begins a transaction whose statements end within `limit`, in one round trip. The settings are those of the transaction, which
/// a connection pooler in transaction mode keeps: it would refuse them as startup options.
///
/// A statement of unknown cost gets one process of PostgreSQL and no more, and is not compiled: that alone can take longer than
/// most statements.
pub(super) async fn begin(
    pool: &PgPool,
    limit: Duration,
    sorting: Sorting,
) -> Result<sqlx::Transaction<'static, Postgres>, DbErr> {
    let not_connected = |error: SqlxError| DbErr::Conn(RuntimeErr::SqlxError(error.into()));
    let connection = pool.acquire().await.map_err(not_connected)?;
    // 0 would be no limit.
    let limit = limit.as_millis().max(1);
    let enable_sort = if sorting == Sorting::Free { "on" } else { "off" };
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {LOCK_TIMEOUT}; \
         SET LOCAL idle_in_transaction_session_timeout = {IDLE_TIMEOUT}; \
         SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; SET LOCAL enable_sort = {enable_sort}"
    );
    sqlx::Transaction::begin(connection, Some(AssertSqlSafe(begin).into_sql_str())).await.map_err(query_error)
}

/// A connection to SQLite whose statements are interrupted after a time.
struct TimedConnection {
    connection: PoolConnection<Sqlite>,
    is_timed: Arc<AtomicBool>,
}

impl TimedConnection {
    async fn acquire(pool: &SqlitePool, limit: Duration) -> Result<Self, DbErr> {
        let mut connection = pool.acquire().await.map_err(query_error)?;
        let ends = Instant::now() + limit;
        let is_timed = Arc::new(AtomicBool::new(true));
        let timed = Arc::clone(&is_timed);
        let go_on = move || !timed.load(Ordering::Relaxed) || Instant::now() < ends;
        connection.lock_handle().await.map_err(query_error)?.set_progress_handler(INSTRUCTIONS, go_on);
        Ok(Self { connection, is_timed })
    }

    /// Removes the limit. The connection then returns to the pool.
    async fn give_back(mut self) -> Result<(), DbErr> {
        self.connection.lock_handle().await.map_err(query_error)?.remove_progress_handler();
        Ok(())
    }
}

impl Drop for TimedConnection {
    fn drop(&mut self) {
        // The handler may still be there, and must not interrupt the statements of others.
        self.is_timed.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use testing::{TestDatabase, on_both_databases};

    use super::*;
    use crate::DbConfig;

    #[on_both_databases]
    async fn a_statement_over_its_limit_ends_and_its_connection_serves_others(database: TestDatabase) {
        let db = Db::open(&DbConfig { max_connections: 1, ..DbConfig::new(database.url()) }, |_| {}).await.unwrap();
        let endless = match db.backend() {
            DbBackend::Sqlite => {
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
            }
            _ => "SELECT pg_sleep(3600)",
        };
        let endless = Statement::from_string(db.backend(), endless);
        let none = |(): &mut (), _| Ok(());
        let Err(Error::Unavailable(error)) = db.select(&endless, Duration::from_millis(50), none).await else {
            panic!("it did not end")
        };
        assert_eq!(Fault::of(&error.0), Fault::TimeLimit);
        // The limit has passed. If it was still there, SQLite would interrupt every statement of several thousand instructions.
        let long = match db.backend() {
            DbBackend::Sqlite => {
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000) SELECT count(*) FROM n"
            }
            _ => "SELECT count(*) FROM generate_series(1, 100000)",
        };
        let long = Statement::from_string(db.backend(), long);
        let counted = db.read(async move |db| sea_orm::ConnectionTrait::query_one_raw(db, long.clone()).await).await;
        assert_eq!(counted.unwrap().unwrap().try_get_by_index::<i64>(0).unwrap(), 100_000);
    }

    #[tokio::test]
    async fn a_statement_that_is_sent_alone_is_not_compiled_not_divided_among_processes_and_leaves_no_open_transaction()
    {
        let Some(database) = TestDatabase::migrated(testing::Backend::Postgres).await else { return };
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let settings = "SELECT concat_ws(' ', current_setting('jit'), current_setting('max_parallel_workers_per_gather'), \
             current_setting('idle_in_transaction_session_timeout'))";
        let settings = Statement::from_string(DbBackend::Postgres, settings);
        let set = |text: &mut String, row: QueryResult| {
            *text = row.try_get_by_index(0)?;
            Ok(())
        };
        assert_eq!(db.select(&settings, Duration::from_mins(1), set).await.unwrap(), "off 0 5s");
    }
}
