use std::time::Duration;

use migration::Layout;
use sea_orm::sqlx;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::Postgres;
use sea_orm::sqlx::sqlite::{Sqlite, SqlitePool};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult, SqlxError, Statement};
use tokio::runtime::Handle;

use super::bounded::{Sorting, begin, query_of};
use super::fault::query_error;

/// A transaction that writes. It is rolled back if it is dropped.
pub(crate) enum Transaction {
    /// With the layout of the tables.
    Postgres(sqlx::Transaction<'static, Postgres>, Layout),
    Sqlite(SqliteTransaction),
}

impl Transaction {
    /// Begins a transaction. On PostgreSQL each of its statements ends within `limit`. SQLite has one writer, which the
    /// transaction takes at once, so that it never fails because another one has written since it read.
    pub(crate) async fn begin(db: &DatabaseConnection, layout: Layout, limit: Duration) -> Result<Self, DbErr> {
        if db.get_database_backend() == DbBackend::Postgres {
            let begun = begin(db.get_postgres_connection_pool(), limit, Sorting::Avoided).await?;
            return Ok(Self::Postgres(begun, layout));
        }
        Ok(Self::Sqlite(SqliteTransaction::begin(db.get_sqlite_connection_pool()).await?))
    }

    /// The kind of database.
    pub(crate) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(..) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    /// Whether the tables are whole or split by owner.
    pub(crate) fn layout(&self) -> Layout {
        match self {
            Self::Postgres(_, layout) => *layout,
            Self::Sqlite(_) => Layout::Whole,
        }
    }

    /// Runs a statement to its end, and returns its rows.
    pub(crate) async fn rows(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Postgres(transaction, _) => {
                let rows = query_of::<Postgres>(statement).fetch_all(&mut **transaction).await.map_err(query_error)?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
            Self::Sqlite(transaction) => {
                let rows = query_of::<Sqlite>(statement).fetch_all(transaction.connection()?).await;
                Ok(rows.map_err(query_error)?.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Runs a statement, and returns the number of rows that it wrote.
    pub(crate) async fn execute(&mut self, statement: &Statement) -> Result<u64, DbErr> {
        match self {
            Self::Postgres(transaction, _) => {
                let done = query_of::<Postgres>(statement).execute(&mut **transaction).await;
                Ok(done.map_err(query_error)?.rows_affected())
            }
            Self::Sqlite(transaction) => {
                let done = query_of::<Sqlite>(statement).execute(transaction.connection()?).await;
                Ok(done.map_err(query_error)?.rows_affected())
            }
        }
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Postgres(transaction, _) => transaction.commit().await.map_err(commit_error),
            Self::Sqlite(transaction) => transaction.commit().await,
        }
    }
}

/// The error of a commit. Some of them leave open whether the transaction was committed. They must not let it be sent again:
/// - 57P01: an administrator can end the session between a commit and its answer.
/// - XX000 and the class 08: Citus reports so that a worker has not answered to the commit. The worker may have committed.
fn commit_error(error: SqlxError) -> DbErr {
    let is_unknown = |code: &str| matches!(code, "57P01" | "XX000") || code.starts_with("08");
    let is_unknown = matches!(&error, SqlxError::Database(answer) if answer.code().as_deref().is_some_and(is_unknown));
    query_error(if is_unknown { SqlxError::Protocol(format!("during a commit: {error}")) } else { error })
}

/// A transaction of SQLite.
///
/// The driver's own transaction is not used: SQLite rolls back by itself if the disk is full, the driver's ROLLBACK then fails,
/// and the driver takes its connection for one within a transaction for ever.
pub(crate) struct SqliteTransaction {
    /// `None` after the commit.
    connection: Option<PoolConnection<Sqlite>>,
}

impl SqliteTransaction {
    async fn begin(pool: &SqlitePool) -> Result<Self, DbErr> {
        let mut begun = Self { connection: Some(pool.acquire().await.map_err(query_error)?) };
        sqlx::query("BEGIN IMMEDIATE").execute(begun.connection()?).await.map_err(query_error)?;
        Ok(begun)
    }

    /// The connection of the transaction.
    pub(crate) fn connection(&mut self) -> Result<&mut sqlx::SqliteConnection, DbErr> {
        self.connection.as_deref_mut().ok_or_else(|| DbErr::Custom("the transaction has ended".to_owned()))
    }

    async fn commit(mut self) -> Result<(), DbErr> {
        sqlx::query("COMMIT").execute(self.connection()?).await.map_err(query_error)?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for SqliteTransaction {
    /// Rolls back before the connection returns to the pool. A statement that was abandoned ends first.
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                // It fails if SQLite has rolled back itself.
                let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use testing::{Backend, TestDatabase};

    use super::*;
    use crate::db::fault::Fault;
    use crate::{Db, DbConfig};

    #[tokio::test]
    async fn a_transaction_whose_commit_may_have_been_done_is_not_sent_again() {
        let Some(database) = TestDatabase::partitioned().await else { return };
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let statement = |sql: &str| Statement::from_string(DbBackend::Postgres, sql.to_owned());
        let limit = Duration::from_mins(1);
        for (code, fault) in
            [("XX000", Fault::Broken), ("08006", Fault::Broken), ("57P01", Fault::Broken), ("40001", Fault::Conflict)]
        {
            let mut failing = Transaction::begin(&db.write, db.layout(), limit).await.unwrap();
            for sql in [
                &format!(
                    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
                     $$BEGIN RAISE 'fails' USING ERRCODE = '{code}'; END$$"
                ),
                "CREATE TABLE failing (id bigint)",
                "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON failing DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION fail()",
                "INSERT INTO failing VALUES (1)",
            ] {
                failing.execute(&statement(sql)).await.unwrap();
            }
            assert_eq!(Fault::of(&failing.commit().await.unwrap_err()), fault, "{code}");
        }
    }

    #[tokio::test]
    async fn after_a_rollback_by_sqlite_itself_and_after_an_abandoned_transaction_the_next_one_begins() {
        let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let statement = |sql: &str| Statement::from_string(DbBackend::Sqlite, sql.to_owned());
        let insert = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('alice', 1, 1, 0)";
        let limit = Duration::from_secs(1);
        let mut ended_by_sqlite = Transaction::begin(&db.write, db.layout(), limit).await.unwrap();
        ended_by_sqlite.execute(&statement(insert)).await.unwrap();
        ended_by_sqlite.execute(&statement("ROLLBACK")).await.unwrap();
        assert!(ended_by_sqlite.commit().await.is_err());
        let mut abandoned = Transaction::begin(&db.write, db.layout(), limit).await.unwrap();
        abandoned.execute(&statement(insert)).await.unwrap();
        drop(abandoned);
        let mut next = Transaction::begin(&db.write, db.layout(), limit).await.unwrap();
        assert_eq!(next.execute(&statement(insert)).await.unwrap(), 1, "nothing is left of the others");
        next.commit().await.unwrap();
    }
}
