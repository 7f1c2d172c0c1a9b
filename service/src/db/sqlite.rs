use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, SqlxError};
use tokio::time::sleep;

use super::ACQUIRE;
use super::outage::sqlx_error;

/// Between attempts to open it.
const PAUSE: Duration = Duration::from_millis(10);

/// The connections that read, and the one that writes.
pub(super) async fn open(
    mut options: ConnectOptions,
    url: &str,
) -> Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE)
            .pragma("journal_mode", "WAL")
            // NORMAL would lose the last commits at a power loss; what was answered is kept.
            .pragma("synchronous", "FULL")
    });
    let mut one = options.clone();
    // It lives as long as the process: closing the last connection would checkpoint and reopen the file, and would end a
    // database in memory.
    one.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
    let write = connect(one).await?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Ok((write.clone(), write));
    }
    Ok((Database::connect(options).await?, write))
}

/// Connects; for up to [`ACQUIRE`], and one attempt more. A file whose journal is no write-ahead log yet is read before it is
/// locked for that change, and while somebody else has it locked for writing (another server that starts, say) SQLite refuses
/// that at once, whatever the busy timeout.
async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let started = Instant::now();
    loop {
        match Database::connect(options.clone()).await {
            Err(error) if is_busy(&error) && started.elapsed() < ACQUIRE => sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// `SQLITE_BUSY`, the primary code or one that extends it.
fn is_busy(error: &DbErr) -> bool {
    let Some(SqlxError::Database(answer)) = sqlx_error(error) else { return false };
    answer.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

#[cfg(test)]
mod tests {
    use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
    use testing::{Backend, TestDatabase};

    use super::*;
    use crate::{Db, DbConfig};

    #[tokio::test]
    async fn a_new_file_that_somebody_else_has_locked_is_waited_for() {
        let database = TestDatabase::empty(Backend::Sqlite).await.unwrap();
        let other = database.connect().await;
        let locked = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let lock = other.begin_with_options(locked).await.unwrap();
        let config = DbConfig::new(database.url());
        let (opened, ()) = tokio::join!(Db::open(&config, |_| {}), async {
            sleep(Duration::from_millis(200)).await;
            lock.commit().await.unwrap();
        });
        opened.unwrap().migrate().await.unwrap();
    }
}
