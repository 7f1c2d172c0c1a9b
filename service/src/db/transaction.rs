use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::Postgres;
use sea_orm::sqlx::sqlite::Sqlite;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult, Statement};

use super::bounded::{begin, query_of};
use super::fault::query_error;

/// A transaction that writes. It is rolled back if it is dropped.
pub(crate) enum Transaction {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Transaction {
    /// Begins a transaction. On PostgreSQL each of its statements ends within `limit`. SQLite has one writer, which the transaction
    /// takes at once, so that it never fails because another one has written since it read.
    pub(crate) async fn begin(db: &DatabaseConnection, limit: Duration) -> Result<Self, DbErr> {
        if db.get_database_backend() == DbBackend::Postgres {
            return Ok(Self::Postgres(begin(db.get_postgres_connection_pool(), limit).await?));
        }
        let begun = db.get_sqlite_connection_pool().begin_with("BEGIN IMMEDIATE").await;
        Ok(Self::Sqlite(begun.map_err(query_error)?))
    }

    /// The kind of database.
    pub(crate) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    /// Runs a statement to its end, and returns its rows.
    pub(crate) async fn rows(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Postgres(transaction) => {
                let rows = query_of::<Postgres>(statement).fetch_all(&mut **transaction).await.map_err(query_error)?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
            Self::Sqlite(transaction) => {
                let rows = query_of::<Sqlite>(statement).fetch_all(&mut **transaction).await.map_err(query_error)?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Runs a statement, and returns the number of rows that it wrote.
    pub(crate) async fn execute(&mut self, statement: &Statement) -> Result<u64, DbErr> {
        match self {
            Self::Postgres(transaction) => {
                let done = query_of::<Postgres>(statement).execute(&mut **transaction).await;
                Ok(done.map_err(query_error)?.rows_affected())
            }
            Self::Sqlite(transaction) => {
                let done = query_of::<Sqlite>(statement).execute(&mut **transaction).await;
                Ok(done.map_err(query_error)?.rows_affected())
            }
        }
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        let done = match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::Sqlite(transaction) => transaction.commit().await,
        };
        done.map_err(query_error)
    }
}
