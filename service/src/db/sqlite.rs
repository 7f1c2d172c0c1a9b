use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

use super::ACQUIRE;

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
    let write = Database::connect(one).await?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Ok((write.clone(), write));
    }
    Ok((Database::connect(options).await?, write))
}
