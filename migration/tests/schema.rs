//! The migrations on both databases.
#![expect(clippy::unwrap_used, reason = "what does not hold must fail the test")]

use migration::{Migrator, MigratorTrait, apply_pending};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, Statement};
use testing::{Backend, TestDatabase, on_both_databases};

on_both_databases! {
    async fn up_down_up_works(database: TestDatabase) {
        let connection = database.connect().await;
        let manager = SchemaManager::new(&connection);
        assert!(manager.has_table("task").await.unwrap());
        Migrator::down(&connection, None).await.unwrap();
        assert!(!manager.has_table("task").await.unwrap());
        apply_pending(&connection).await.unwrap();
        assert!(manager.has_index("task", "task_user_id_created_at_id").await.unwrap());
    }

    async fn an_id_is_never_given_out_twice(database: TestDatabase) {
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_at_once_from_many_processes_works_on_sqlite() {
    migrate_at_once(&TestDatabase::empty(Backend::Sqlite).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_at_once_from_many_processes_works_on_postgres() {
    if let Some(database) = TestDatabase::empty(Backend::Postgres).await {
        migrate_at_once(&database).await;
    }
}

async fn migrate_at_once(database: &TestDatabase) {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let connection = database.connect().await;
        running.spawn(async move { apply_pending(&connection).await });
    }
    for result in running.join_all().await {
        result.unwrap();
    }
}
