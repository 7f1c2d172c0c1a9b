use std::time::{Duration, Instant};

use migration::{STATEMENT_CACHE, is_in_memory};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use tokio::time::sleep;

use super::ACQUIRE_TIMEOUT;
use super::fault::is_busy;

/// The pause between attempts to open the file.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens the pool of connections that read and the one connection that writes.
pub(super) async fn open(
    mut options: ConnectOptions,
    url: &str,
) -> Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .statement_cache_capacity(STATEMENT_CACHE)
            .pragma("journal_mode", "WAL")
            // NORMAL can lose the last commits if the power fails. FULL keeps every write that was acknowledged.
            .pragma("synchronous", "FULL")
    });
    // The connections live as long as the process. Closing the last one would checkpoint and reopen the file, and would end an
    // in-memory database. Without these limits sqlx starts no task that looks for old connections: that task counts the idle
    // ones, and if another thread takes one at that moment, it can get a count of -1, which it takes for 2^64, and never ends.
    options.idle_timeout(None).max_lifetime(None);
    let mut one = options.clone();
    one.max_connections(1).min_connections(1);
    let write = connect(one).await?;
    if is_in_memory(url) {
        return Ok((write.clone(), write));
    }
    Ok((Database::connect(options).await?, write))
}

/// Connects, with attempts for up to [`ACQUIRE_TIMEOUT`]. A file without a write-ahead log is read before it is locked for the
/// change of its journal mode. While another process has it locked for writing (another server that starts, for example),
/// SQLite refuses that lock at once, regardless of the busy timeout.
async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let started = Instant::now();
    loop {
        match Database::connect(options.clone()).await {
            Err(error) if is_busy(&error) && started.elapsed() < ACQUIRE_TIMEOUT => sleep(PAUSE).await,
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
    use testing::{Backend, TestDatabase};

    use super::*;
    use crate::{Db, DbConfig};

    #[tokio::test]
    async fn opening_waits_for_a_new_file_that_another_process_has_locked() {
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
