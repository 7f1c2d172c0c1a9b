//! The migrations on both databases.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

use std::time::{SystemTime, UNIX_EPOCH};

use migration::{Migrator, MigratorTrait, apply_pending};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, Statement};
use testing::{Backend, TestDatabase, on_both_databases};

#[on_both_databases]
async fn up_down_up_works(database: TestDatabase) {
    let connection = database.connect().await;
    let manager = SchemaManager::new(&connection);
    assert!(manager.has_table("task").await.unwrap());
    Migrator::down(&connection, None).await.unwrap();
    assert!(!manager.has_table("task").await.unwrap());
    apply_pending(&connection).await.unwrap();
    assert!(manager.has_index("task", "task_user_id_created_at_id").await.unwrap());
}

#[on_both_databases]
async fn an_id_is_never_used_twice(database: TestDatabase) {
    let connection = database.connect().await;
    let insert = "INSERT INTO task (user_id, title, completed, created_at, updated_at) \
                  VALUES ('alice', 'a', false, '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00') RETURNING id";
    let mut ids = Vec::<i64>::new();
    for _ in 0..3 {
        let statement = Statement::from_string(connection.get_database_backend(), insert);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        ids.push(row.try_get("", "id").unwrap());
        connection.execute_unprepared("DELETE FROM task").await.unwrap();
    }
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_from_the_first_schema_keeps_the_tasks_and_fills_the_search_columns_on_sqlite() {
    upgrade(&TestDatabase::empty(Backend::Sqlite).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_from_the_first_schema_keeps_the_tasks_and_fills_the_search_columns_on_postgres() {
    if let Some(database) = TestDatabase::empty(Backend::Postgres).await {
        upgrade(&database).await;
    }
}

/// Upgrades from the first migration to the newest, back, and up again, with more rows than one step of the migration folds.
async fn upgrade(database: &TestDatabase) {
    let connection = database.connect().await;
    let backend = connection.get_database_backend();
    let texts = async |query: &str| -> Vec<String> {
        let rows = connection.query_all_raw(Statement::from_string(backend, query)).await.unwrap();
        rows.iter().map(|row| row.try_get("", "row").unwrap()).collect()
    };
    Migrator::up(&connection, Some(1)).await.unwrap();
    let columns = [
        ("title", "'Crème ' || n"),
        ("description", "CASE WHEN n % 2 = 0 THEN 'STRASSE Ёлка' END"),
        ("completed", "n % 3 = 0"),
        ("created_at", "'2026-01-01T00:00:00.500+00:00'"),
        ("updated_at", "'2026-01-02T00:00:00.500+00:00'"),
    ];
    testing::seed(&connection, 2500, &columns).await;
    let old = "SELECT id || '|' || user_id || '|' || title || '|' || COALESCE(description, '-') || '|' || completed || '|' || created_at || '|' || updated_at AS row FROM task ORDER BY id";
    let before = texts(old).await;
    assert_eq!(before.len(), 2500);

    for _ in 0..2 {
        apply_pending(&connection).await.unwrap();
        assert_eq!(texts(old).await, before);
        let new = "SELECT title_folded || '|' || COALESCE(description_folded, '-') || '|' || priority || '|' || tags || '|' || COALESCE(due_date, '-') || '|' || CASE WHEN completed_at = updated_at THEN 'done' ELSE '-' END AS row FROM task ORDER BY id";
        let after = texts(new).await;
        assert_eq!(after.len(), 2500);
        assert_eq!(after[0], "creme 1|-|0|[]|-|-");
        assert_eq!(after[1], "creme 2|strasse елка|0|[]|-|-");
        assert_eq!(after[2498], "creme 2499|-|0|[]|-|done");
        Migrator::down(&connection, Some(3)).await.unwrap();
        assert_eq!(texts(old).await, before);
    }
}

#[on_both_databases]
async fn an_upgrade_gives_each_owner_of_tasks_a_clock_that_is_behind_none_of_their_tasks(database: TestDatabase) {
    let connection = database.connect().await;
    Migrator::down(&connection, Some(2)).await.unwrap();
    // The last task of bob was written by a server whose clock was ahead.
    let columns = [
        ("user_id", "CASE WHEN n <= 3 THEN 'alice' ELSE 'bob' END"),
        ("updated_at", "CASE WHEN n < 5 THEN '2026-01-02T00:00:00.500+00:00' ELSE '2199-01-02T00:00:00.500+00:00' END"),
    ];
    testing::seed(&connection, 5, &columns).await;
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    apply_pending(&connection).await.unwrap();
    let owners = "SELECT user_id, clock, \"begin\", tasks FROM task_owner ORDER BY user_id";
    let owners = Statement::from_string(connection.get_database_backend(), owners);
    let rows = connection.query_all_raw(owners).await.unwrap();
    let number = |row: usize, column: &str| rows[row].try_get::<i64>("", column).unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.try_get("", "user_id").unwrap()).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert!(u128::from(number(0, "clock").unsigned_abs()) >= before, "now");
    // 2199-01-02T00:00:00.5 in microseconds.
    assert!(number(1, "clock") >= 7_226_668_800_500_000, "the last write");
    for (row, tasks) in [(0, 3), (1, 2)] {
        assert_eq!((number(row, "begin"), number(row, "tasks")), (number(row, "clock"), tasks));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_migrations_work_on_sqlite() {
    migrate_concurrently(&TestDatabase::empty(Backend::Sqlite).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_migrations_work_on_postgres() {
    if let Some(database) = TestDatabase::empty(Backend::Postgres).await {
        migrate_concurrently(&database).await;
    }
}

async fn migrate_concurrently(database: &TestDatabase) {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let connection = database.connect().await;
        running.spawn(async move { apply_pending(&connection).await });
    }
    for result in running.join_all().await {
        result.unwrap();
    }
}
