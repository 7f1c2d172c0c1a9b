//! Connections of the tests themselves, beside those of the code under test.

use sea_orm_migration::sea_orm::{ConnectOptions, Database, DatabaseConnection};

/// Opens a test's own connection to any database. A missing SQLite file is created.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(true));
    Database::connect(options).await.expect("the test database can be reached")
}

/// Waits for a future on a thread of its own, for callers that must not wait on theirs: a runtime's thread, a drop.
pub(crate) fn block_on(future: impl Future<Output = ()> + Send + 'static) {
    let waited = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future);
    });
    assert!(waited.join().is_ok() || std::thread::panicking(), "the test database failed, see above");
}
