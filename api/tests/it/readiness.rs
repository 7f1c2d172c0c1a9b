//! `/health/ready`: what makes a server unready, and what does not.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testing::{Backend, ConnectionTrait, DbBackend, OwnCluster, Statement, TestDatabase, on_both_databases};
use tokio::task::JoinSet;

use crate::support::{Answer, TestApp};

/// Waits until `/health/ready` answers with this code, or with 200 for "ready". Fails only if it never does.
pub async fn until(app: &TestApp, expected: &str) {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let found = readiness(app).await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{found} and not {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn readiness(app: &TestApp) -> String {
    let answer = Answer::to(app.anonymous().request(Method::GET, "/health/ready")).await;
    if answer.status == 200 { "ready".to_owned() } else { answer.code() }
}

/// Checks that the server is ready for longer than a request waits for a connection.
async fn stays_ready(app: &TestApp) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        assert_eq!(readiness(app).await, "ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Longer than a slow machine needs for an answer.
const LONG: (&str, &str) = ("READY_AFTER_SECONDS", "60");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_a_free_connection_leaves_the_server_ready() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let app = TestApp::with(database, &[("DATABASE_MAX_CONNECTIONS", "1"), LONG]).await;
    let other = app.database.connect().await;
    other.execute_unprepared("BEGIN; LOCK TABLE task").await.unwrap();
    let alice = app.user("alice");
    let mut stuck = JoinSet::new();
    for _ in 0..4 {
        let request = alice.request(Method::GET, "/api/tasks");
        stuck.spawn(async move { request.send().await });
    }
    stays_ready(&app).await;
    other.execute_unprepared("ROLLBACK").await.unwrap();
    stuck.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sqlite_file_that_another_process_locks_leaves_the_server_ready() {
    let app = TestApp::with(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), &[LONG]).await;
    let other = app.database.connect().await;
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let request = app.user("alice").request(Method::POST, "/api/tasks").json(&json!({"title": "t"}));
    let refused = tokio::spawn(Answer::expect(503, request));
    stays_ready(&app).await;
    refused.await.unwrap();
    other.execute_unprepared("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_memory_is_ready() {
    let unused = TestDatabase::empty(Backend::Sqlite).await.unwrap();
    let app = TestApp::reaching("sqlite::memory:", unused, &[]).await;
    assert_eq!(readiness(&app).await, "ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_never_has_more_connections_than_configured() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    // Two threads and the probe.
    let app = TestApp::with(database, &[("DATABASE_MAX_CONNECTIONS", "3"), ("WORKERS", "2")]).await;
    let other = app.database.connect().await;
    let mut load = JoinSet::new();
    for user in 0..16 {
        let user = app.user(&format!("user {user}"));
        load.spawn(async move {
            for _ in 0..20 {
                let path = user.create("t").await;
                user.toggle(200, &path).await;
                user.get(200, "/api/tasks").await;
                user.get(200, "/api/tasks/summary").await;
            }
        });
    }
    let count = "SELECT count(*) AS connections FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name LIKE 'task-api%'";
    let mut most = 0;
    while !load.is_empty() {
        while load.try_join_next().is_some_and(|ended| ended.is_ok()) {}
        let row = other.query_one_raw(Statement::from_string(DbBackend::Postgres, count)).await.unwrap().unwrap();
        most = most.max(row.try_get::<i64>("", "connections").unwrap());
    }
    assert!((2..=3).contains(&most), "{most} connections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_database_does_not_answer_is_not_ready_after_the_configured_time() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let unused = TestDatabase::empty(Backend::Sqlite).await.unwrap();
    let app = TestApp::reaching(&cluster.url(), unused, &[("READY_AFTER_SECONDS", "2")]).await;
    assert_eq!(readiness(&app).await, "ready");
    let stopped = Instant::now();
    cluster.ctl(&["stop", "-m", "immediate"]);
    until(&app, "database_unavailable").await;
    assert!(stopped.elapsed() >= Duration::from_secs(2));
    app.anonymous().get(200, "/health/live").await;
    cluster.ctl(&["start"]);
    until(&app, "ready").await;

    cluster.signal("STOP");
    until(&app, "database_unavailable").await;
    cluster.signal("CONT");
    until(&app, "ready").await;
}

#[on_both_databases]
async fn a_server_whose_table_is_gone_is_not_ready(app: TestApp) {
    assert_eq!(readiness(&app).await, "ready");
    let other = app.database.connect().await;
    other.execute_unprepared("ALTER TABLE task RENAME TO elsewhere").await.unwrap();
    until(&app, "not_migrated").await;
    other.execute_unprepared("ALTER TABLE elsewhere RENAME TO task").await.unwrap();
    until(&app, "ready").await;
}

#[on_both_databases]
async fn a_server_with_an_older_schema_is_not_ready(app: TestApp) {
    let other = app.database.connect().await;
    let last = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    other.execute_unprepared(last).await.unwrap();
    until(&app, "not_migrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_postgres_only_reads_is_not_ready() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = TestApp::reaching(&cluster.url(), TestDatabase::empty(Backend::Sqlite).await.unwrap(), &[]).await;
    let other = testing::connect(&cluster.url()).await;
    for (value, expected) in [("on", "not_writable"), ("off", "ready")] {
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
        other.execute_unprepared(&set).await.unwrap();
        other.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        until(&app, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_writes_fail_for_lack_of_space_is_not_ready_until_a_write_succeeds() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let app = TestApp::with(database, &[]).await;
    let other = app.database.connect().await;
    // It fails as on a full disk. `outages.rs` has the same with a real one, which takes root.
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$; \
                CREATE TRIGGER full_disk BEFORE INSERT ON task FOR EACH ROW EXECUTE FUNCTION full_disk()";
    other.execute_unprepared(full).await.unwrap();
    let alice = app.user("alice");
    alice.get(200, "/api/tasks").await;
    assert_eq!(readiness(&app).await, "ready", "no write has failed yet");
    alice.post(503, "/api/tasks", json!({"title": "t"})).await;
    until(&app, "not_writable").await;
    other.execute_unprepared("DROP TRIGGER full_disk ON task").await.unwrap();
    until(&app, "ready").await;
    assert_eq!(alice.titles("/api/tasks").await, [""; 0], "the probe's writes are undone");
}

fn file_of(database: &TestDatabase) -> PathBuf {
    PathBuf::from(database.url().trim_start_matches("sqlite://"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_sqlite_file_is_removed_or_replaced_is_not_ready() {
    let app = TestApp::with(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), &[]).await;
    let file = file_of(&app.database);
    let moved = file.with_extension("moved");
    fs::rename(&file, &moved).unwrap();
    until(&app, "not_writable").await;
    fs::rename(&moved, &file).unwrap();
    until(&app, "ready").await;
    let copy = file.with_extension("copy");
    fs::copy(&file, &copy).unwrap();
    fs::rename(&copy, &file).unwrap();
    until(&app, "not_writable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_sqlite_database_only_reads_is_not_ready() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    // It keeps the files of the write-ahead log in place, which a connection that only reads cannot make.
    let writer = database.connect().await;
    writer.execute_unprepared("PRAGMA journal_mode = WAL; PRAGMA user_version = 0").await.unwrap();
    let url = format!("{}?mode=ro", database.url());
    let app = TestApp::reaching(&url, database, &[("MIGRATE_ON_START", "false")]).await;
    app.user("alice").get(200, "/api/tasks").await;
    assert_eq!(readiness(&app).await, "not_writable");
}
