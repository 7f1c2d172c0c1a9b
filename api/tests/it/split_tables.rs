//! Tables that are split by owner, as Citus distributes them: every statement of the server leads to one part of them.

use std::fs;
use std::time::Duration;

use api::routes;
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use service::{DbConfig, Pauses, Schema, SchemaChange, Store};
use testing::{Backend, ConnectionTrait, OwnCluster, TestDatabase};

use crate::mcp;
use crate::ownership;
use crate::support::agent::{Agent, Revision};
use crate::support::{TestApp, User};

/// A statement of the log after which the pass begins.
const MARK: &str = "SELECT 'the pass begins'";

/// Statements of the log between which one task is completed.
const TOGGLE: [&str; 2] = ["SELECT 'a toggle begins'", "SELECT 'a toggle has ended'"];

/// The beginnings of the statements that complete one task, without those of the transaction.
const OF_TOGGLE: [&str; 4] = [
    r#"UPDATE "task_owner" SET "clock" = "#,
    r#"SELECT "task"."id", "#,
    r#"INSERT INTO "task_change" "#,
    r#"UPDATE "task" SET "title" = "#,
];

/// The tables with an owner.
const TABLES: &str = "task|task_owner|task_change|task_request|task_reminder";

/// A statement that may read several parts of the tables, by a text that only it has, and its reason.
const EXCEPTIONS: [(&str, &str); 4] = [
    (r#""task"."user_id" <> "request"."user_id""#, "403 or 404: the owner of an id is not known"),
    (r#"WHERE "task_owner"."user_id" > ($1) ORDER BY"#, "a sweep walks through the owners"),
    (r#"FROM "task_reminder" WHERE "fired_at" IS NULL"#, "the reminders that are due, every five seconds"),
    (r#""user_id" = ANY($1)"#, "the clocks of the owners who have listeners, once a second"),
];

async fn split(url: &str) {
    let schema = Schema::open(&DbConfig::new(url), |_| {}).await.unwrap();
    schema.change(SchemaChange::Up(None), true).await.unwrap();
    schema.change(SchemaChange::Partition(4), true).await.unwrap();
    schema.close().await.unwrap();
}

/// Sends every operation of the API and every tool, with and without keys and conditions, and what has statements of its own.
async fn full_pass(app: &TestApp, other: &TestApp) {
    let alice = app.user("alice");
    let stranger = app.user("bob").create("of another user").await;
    for with_key in [false, true] {
        for operation in routes::operations() {
            let task = if operation.id == "snooze_reminder" {
                with_reminder(&alice).await
            } else {
                alice.create("Buy milk").await
            };
            if operation.id == "restore_task" {
                alice.delete(204, &task).await;
            }
            let state = alice.get(200, "/api/tasks").await.header("etag").trim_matches('"').to_owned();
            let mut request = ownership::request(&operation, operation.path, &alice, &task, &state);
            if with_key && !matches!(operation.method.as_str(), "GET" | "HEAD") && operation.id != "erase_me" {
                request = request.header("idempotency-key", format!("key-of-{}", operation.id));
            }
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{}: {}", operation.id, answer.status());
            // To its end: exports are read in parts.
            answer.bytes().await.unwrap();
        }
    }
    let (mut events, _) = alice.listen("").await;
    let task = alice.create("Buy bread").await;
    events.change().await;
    other.user("alice").create("on another server").await;
    events.change().await;
    for query in [
        "?search=bread&sort=title",
        "?tags=shopping&priority=high",
        "?due=overdue&sort=due_date",
        "?status=pending&limit=1",
        "?sort=-priority&offset=1",
        "?limit=100",
    ] {
        alice.get(200, &format!("/api/tasks{query}")).await;
    }
    alice.get(403, &stranger).await;
    alice.get(404, "/api/tasks/987654321").await;
    let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(1);
    alice.post(201, "/api/tasks", json!({"title": "Soon", "reminders": [{"at": soon.to_rfc3339()}]})).await;
    while events.next().await.unwrap().name != "reminder" {}
    merge(&alice, &task).await;
    replay(&alice).await;
    repeat(&alice).await;
    for tool in mcp::TOOLS {
        let id = task.rsplit('/').next().unwrap().parse().unwrap();
        Agent::new(alice.clone(), Revision::BOTH[0]).does(tool, mcp::arguments(tool, id)).await;
    }
}

/// A change of a task with a version that is not the last one.
async fn merge(alice: &User, task: &str) {
    let old = alice.get(200, task).await.header("etag").to_owned();
    alice.patch(200, task, json!({"title": "Buy rolls"})).await;
    let request = alice.request(Method::PATCH, task).json(&json!({"priority": "high"}));
    let merged = request.header("if-match", &old).header("prefer", "merge=auto").send().await.unwrap();
    assert_eq!(merged.status(), 200);
    let refused = alice.request(Method::PATCH, task).json(&json!({"title": "x"})).header("if-match", &old);
    assert_eq!(refused.send().await.unwrap().status(), 412);
}

/// Two creations with one key.
async fn replay(alice: &User) {
    for replayed in [None, Some("true")] {
        let request = alice.request(Method::POST, "/api/tasks").json(&json!({"title": "once"}));
        let answer = request.header("idempotency-key", "one-key").send().await.unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers().get("idempotency-replayed").map(|value| value.to_str().unwrap()), replayed);
    }
}

/// A task with a reminder.
async fn with_reminder(alice: &User) -> String {
    let task = json!({"title": "Call", "reminders": [{"at": "2099-01-31T09:00:00Z"}]});
    format!("/api/tasks/{}", alice.post(201, "/api/tasks", task).await.json()["id"])
}

/// A task that repeats, with a reminder.
async fn repeat(alice: &User) {
    let daily = json!({
        "title": "Water the plants", "due_date": "2030-01-31", "time_zone": "Europe/Berlin", "recurrence": "daily",
        "reminders": [{"before": "PT15M"}]
    });
    let id = alice.post(201, "/api/tasks", daily).await.json()["id"].to_string();
    let task = format!("/api/tasks/{id}");
    for _ in 0..3 {
        alice.toggle(200, &task).await;
    }
    alice.patch(200, &task, json!({"title": "Water all plants"})).await;
    alice.get(200, &format!("{task}/occurrences")).await;
    alice.post(200, "/api/tasks/complete-all", json!({})).await;
    alice.delete(204, &format!("{task}?series=true")).await;
}

/// Deletes changes that are older than the history is kept.
async fn sweep(url: &str) {
    // A comment marks the statements of this test.
    let old = "/* test */ INSERT INTO task_change (user_id, at, task_id, kind) VALUES ('alice', 1, 1, 2)";
    let keys = "/* test */ UPDATE task_request SET at = 1";
    let connection = testing::connect(url).await;
    connection.execute_unprepared(old).await.unwrap();
    connection.execute_unprepared(keys).await.unwrap();
    let store = Store::open(&DbConfig::new(url), |_| {}).await.unwrap();
    let swept = store.sweep(Pauses { least: Duration::ZERO, times: 0 }).await.unwrap();
    assert!(swept.changes == 1 && swept.keys > 0, "{swept:?}");
    store.close().await.unwrap();
}

/// The statements in the log of PostgreSQL behind the mark.
fn logged(cluster: &OwnCluster) -> Vec<String> {
    let text = fs::read_to_string(cluster.directory().join("data/log/statements.json")).unwrap();
    let messages = text.lines().filter_map(|line| {
        let entry: Value = serde_json::from_str(line).ok()?;
        entry["message"].as_str().map(str::to_owned)
    });
    let statement = |message: String| {
        let (kind, statement) = message.split_once(": ")?;
        let is_sent = kind == "statement" || kind.starts_with("execute ");
        (is_sent && !statement.starts_with("/* test */")).then(|| statement.to_owned())
    };
    messages.filter_map(statement).skip_while(|statement| statement != MARK).skip(1).collect()
}

/// The reason why a statement is wrong on tables that are split by owner, if it is.
fn fault(statement: &str) -> Option<&'static str> {
    let matches = |pattern: &str| Regex::new(pattern).unwrap().find_iter(statement).count();
    if matches(r"(?i)\b(LISTEN|NOTIFY|pg_advisory\w*|TEMP|TEMPORARY|TRIGGER|set_config)\b") > 0 {
        return Some("it depends on a session or a node");
    }
    if matches(r"(?is)\bWITH\b.*\b(INSERT|UPDATE|DELETE)\b") > 0 {
        return Some("it writes in a common table expression");
    }
    // The current time alone is not a function of a column.
    let without_now = statement.replace("(extract(epoch FROM now()) * 1000000)::bigint", "$0");
    let sets = Regex::new(r"(?is)^UPDATE.*\bSET\b.*(\binterval\b|\bnow\(|\bclock_timestamp\(|\bcurrent_)").unwrap();
    if sets.is_match(&without_now) {
        return Some("it sets a value that is not computed immutably");
    }
    let tables = matches(&format!(r#"\b(FROM|JOIN|UPDATE) "?({TABLES})"?(\s|$|\))"#));
    if statement.starts_with("INSERT") {
        let is_of_values = matches(&format!(
            r#"^INSERT INTO "?({TABLES})"? \(("id", )?"user_id", .*\) VALUES \((\$2::bigint, )?\$1::text, "#
        )) == 1;
        return (tables > 0 || !is_of_values).then_some("it inserts other rows than values with the owner first");
    }
    if EXCEPTIONS.iter().any(|(text, _)| statement.contains(text)) {
        return (tables != 1).then_some("an exception reads one table");
    }
    let owners = matches(r#""?user_id"? = \(?\$\d"#);
    (owners < tables).then_some("it does not name the owner of each table")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_leads_to_one_part_of_tables_that_are_split_by_owner() {
    let settings = "log_statement = 'all'\nlogging_collector = on\nlog_destination = 'jsonlog'\nlog_directory = 'log'\n\
                    log_filename = 'statements.log'\nlog_rotation_age = 0\nlog_rotation_size = 0";
    let Some(cluster) = OwnCluster::start(settings, |_| {}) else { return };
    let url = cluster.url();
    split(&url).await;
    // The fixture's database is not used.
    let server = async || TestApp::reaching(&url, TestDatabase::empty(Backend::Sqlite).await.unwrap(), &[]).await;
    let (app, other) = (server().await, server().await);
    testing::connect(&url).await.execute_unprepared(MARK).await.unwrap();
    full_pass(&app, &other).await;
    let carol = app.user("carol");
    let task = carol.create("Buy milk").await;
    testing::connect(&url).await.execute_unprepared(TOGGLE[0]).await.unwrap();
    carol.toggle(200, &task).await;
    testing::connect(&url).await.execute_unprepared(TOGGLE[1]).await.unwrap();
    sweep(&url).await;

    let statements = logged(&cluster);
    let of_tables = Regex::new(&format!(r"\b({TABLES})\b")).unwrap();
    let of_tables: Vec<&String> = statements.iter().filter(|statement| of_tables.is_match(statement)).collect();
    assert!(of_tables.len() > 300, "{} statements", of_tables.len());
    // A join would be planned at each execution, see `Requests` in the service.
    let of_toggle = statements.iter().skip_while(|statement| *statement != TOGGLE[0]);
    let of_toggle = of_toggle.take_while(|statement| *statement != TOGGLE[1]).filter(|statement| {
        of_tables.contains(statement) && EXCEPTIONS.iter().all(|(exception, _)| !statement.contains(exception))
    });
    let of_toggle: Vec<&String> = of_toggle.collect();
    let are_the_expected = of_toggle.len() == OF_TOGGLE.len()
        && of_toggle.iter().zip(OF_TOGGLE).all(|(statement, beginning)| statement.starts_with(beginning));
    assert!(are_the_expected && of_toggle.iter().all(|statement| !statement.contains("unnest")), "{of_toggle:#?}");
    for (text, reason) in EXCEPTIONS {
        assert!(of_tables.iter().any(|statement| statement.contains(text)), "no statement is an exception: {reason}");
    }
    let mut faults: Vec<_> = statements.iter().filter_map(|statement| Some((fault(statement)?, statement))).collect();
    faults.sort_unstable();
    faults.dedup();
    assert!(faults.is_empty(), "{} statements: {faults:#?}", faults.len());
}

#[test]
fn a_statement_that_does_not_fit_split_tables_is_noticed() {
    for wrong in [
        r#"SELECT "id" FROM "task" WHERE "id" = $1"#,
        r#"SELECT 1 FROM "task" JOIN "task_owner" ON "task_owner"."user_id" = "task"."user_id" WHERE "task"."user_id" = $1"#,
        r#"INSERT INTO "task_change" ("user_id", "at") SELECT $1, unnest($2)"#,
        r#"INSERT INTO "task_change" ("at", "user_id") VALUES ($1::bigint, $2::text)"#,
        r#"WITH "done" AS (DELETE FROM "task" WHERE "user_id" = $1 RETURNING "id") SELECT * FROM "done""#,
        r#"UPDATE "task" SET "updated_at" = "created_at" + interval '1 second' WHERE "user_id" = $1"#,
        "SELECT pg_advisory_lock(1)",
        "LISTEN changes",
    ] {
        assert!(fault(wrong).is_some(), "{wrong}");
    }
    for right in [
        r#"SELECT "id" FROM "task" WHERE "task"."user_id" = $1"#,
        r#"INSERT INTO "task_change" ("user_id", "at") VALUES ($1::text, $2::bigint)"#,
    ] {
        assert_eq!(fault(right), None, "{right}");
    }
}
