//! Tables that are split by owner.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test prepares the database with statements of its own")]

use migration::{Layout, layout};
use testing::{Backend, ConnectionTrait, TestDatabase, on_both_databases};

#[on_both_databases]
async fn the_layout_of_a_migrated_database_is_whole(database: TestDatabase) {
    assert_eq!(layout(&database.connect().await).await.unwrap(), Layout::Whole);
}

#[tokio::test]
async fn the_layout_is_by_owner_if_the_table_of_tasks_is_partitioned_or_distributed() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else { return };
    let connection = database.connect().await;
    assert_eq!(layout(&connection).await.unwrap(), Layout::Whole);
    connection.execute_unprepared("CREATE TABLE task (user_id text) PARTITION BY HASH (user_id)").await.unwrap();
    assert_eq!(layout(&connection).await.unwrap(), Layout::ByOwner);
}

#[tokio::test]
async fn a_partitioned_database_has_the_layout_by_owner() {
    let Some(database) = TestDatabase::partitioned().await else { return };
    assert_eq!(layout(&database.connect().await).await.unwrap(), Layout::ByOwner);
}
