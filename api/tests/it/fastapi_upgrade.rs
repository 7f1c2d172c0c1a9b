//! A database that the FastAPI version of this service created.

use serde_json::{Value, json};
use testing::{Backend, ConnectionTrait, Migrator, MigratorTrait, TestDatabase};

use crate::support::TestApp;

/// The schema that SQLModel creates for the model of that version, and rows as that version wrote them.
const SQLMODEL: &str = "
    CREATE TABLE task (
        id SERIAL NOT NULL,
        user_id VARCHAR NOT NULL,
        title VARCHAR(200) NOT NULL,
        description VARCHAR(1000),
        completed BOOLEAN NOT NULL,
        created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
        PRIMARY KEY (id)
    );
    INSERT INTO task (user_id, title, description, completed, created_at, updated_at) VALUES
        ('alice', 'Buy milk', 'Two litres', false, '2026-01-31 09:30:00.123456', '2026-02-01 10:00:00'),
        ('alice', '  Ünïcode 🦀 ', NULL, true, '2026-07-01 23:59:59.999999', '2026-07-01 23:59:59.999999'),
        ('bob', 'His', '', false, '2025-12-31 00:00:00', '2025-12-31 00:00:00');
    INSERT INTO task (user_id, title, completed, created_at, updated_at)
        SELECT 'many', 't ' || n, n % 2 = 0, timestamp '2026-01-01' + n * interval '1 second', now() AT TIME ZONE 'UTC'
        FROM generate_series(1, 5000) AS n;";

async fn rows(connection: &impl ConnectionTrait, query: &str) -> String {
    let statement = testing::Statement::from_string(connection.get_database_backend(), query);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get("", "rows").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_fastapi_version_is_served_with_all_its_rows_and_is_never_dropped() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else { return };
    let connection = database.connect().await;
    // The session's time zone must not matter: the times are in UTC.
    connection.execute_unprepared("SET TIME ZONE 'America/New_York'").await.unwrap();
    connection.execute_unprepared(SQLMODEL).await.unwrap();

    let all = "SELECT string_agg(concat_ws('|', id, user_id, title, description, completed, created_at AT TIME ZONE 'UTC', updated_at AT TIME ZONE 'UTC'), ';' ORDER BY id) AS rows FROM task";
    let as_it_was = all.replace(" AT TIME ZONE 'UTC'", "");
    let before = rows(&connection, &as_it_was).await;
    let app = TestApp::with(database, &[]).await;
    assert_eq!(rows(&app.database.connect().await, all).await, before);
    let alice = app.user("alice");
    let expected = json!([
        {"id": 2, "title": "  Ünïcode 🦀 ", "description": null, "completed": true,
         "created_at": "2026-07-01T23:59:59.999999Z", "updated_at": "2026-07-01T23:59:59.999999Z",
         "priority": "none", "tags": [], "due_date": null, "completed_at": "2026-07-01T23:59:59.999999Z",
         "version": 1_782_950_399_999_999_i64},
        {"id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
         "created_at": "2026-01-31T09:30:00.123456Z", "updated_at": "2026-02-01T10:00:00.000000Z",
         "priority": "none", "tags": [], "due_date": null, "completed_at": null,
         "version": 1_769_940_000_000_000_i64},
    ]);
    assert_eq!(alice.get(200, "/api/tasks").await.json(), expected);
    assert_eq!(app.user("bob").get(200, "/api/tasks/3").await.json()["description"], "");
    assert_eq!(alice.titles("/api/tasks?search=UNICODE").await, ["  Ünïcode 🦀 "]);
    let many = app.user("many").get(200, "/api/tasks?status=completed").await.json();
    assert_eq!(many.as_array().map(Vec::len), Some(2500));

    assert_eq!(alice.post(201, "/api/tasks", json!({"title": "new"})).await.json()["id"], 5004);
    let past_32_bits = "SELECT setval(pg_get_serial_sequence('task', 'id'), 2147483647)";
    app.database.connect().await.execute_unprepared(past_32_bits).await.unwrap();
    let task = alice.post(201, "/api/tasks", json!({"title": "beyond 32 bits"})).await;
    assert_eq!(task.json()["id"], Value::from(2_147_483_648_i64));
    assert_eq!(alice.toggle(200, task.header("location")).await.json()["completed"], true);

    let refused = Migrator::down(&app.database.connect().await, None).await.unwrap_err().to_string();
    assert!(refused.contains("was there before this program"), "{refused}");
    // `down` has undone the later migrations. A server that starts applies them again, and every task is still there.
    let app = app.with_settings(&[]).await;
    assert_eq!(app.user("alice").titles("/api/tasks").await.len(), 4);
}
