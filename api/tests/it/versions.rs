//! The versions of tasks, the states of lists, and the reads that compare them (`ETag`, `If-None-Match`).

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use testing::{ConnectionTrait, Statement, on_both_databases};

use crate::support::{Answer, TestApp, User};

/// Checks that an answer's tag is the version of its task, and returns the version.
fn version(answer: &Answer) -> i64 {
    let task = answer.json();
    let version = task["version"].as_i64().unwrap();
    assert_eq!(answer.header("etag"), format!("\"{version}\""));
    let updated_at: DateTime<Utc> = task["updated_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(updated_at.timestamp_micros(), version, "`updated_at` is the same number");
    version
}

/// The state of a user's list.
async fn state(user: &User) -> i64 {
    state_of(&user.get(200, "/api/tasks?limit=1").await)
}

fn state_of(answer: &Answer) -> i64 {
    answer.header("etag").trim_matches('"').parse().unwrap()
}

async fn get(user: &User, path: &str, if_none_match: &str) -> Answer {
    Answer::to(user.request(Method::GET, path).header("if-none-match", if_none_match)).await
}

#[on_both_databases]
async fn every_answer_with_a_task_has_its_version_as_its_tag_and_each_write_a_higher_one(app: TestApp) {
    let alice = app.user("alice");
    let created = alice.post(201, "/api/tasks", json!({"title": "t"})).await;
    let path = created.header("location");
    let mut versions = vec![version(&created)];
    assert_eq!(created.json()["created_at"], created.json()["updated_at"]);
    for request in [
        alice.request(Method::PUT, path).json(&json!({"title": "u"})),
        alice.request(Method::PATCH, path).json(&json!({"title": "v"})),
        // The same value is a write too.
        alice.request(Method::PATCH, path).json(&json!({"title": "v"})),
        alice.request(Method::PATCH, &format!("{path}/complete")),
        alice.request(Method::PATCH, &format!("{path}/complete")).json(&json!({"completed": true})),
        alice
            .request(Method::PATCH, &format!("/api/alice/tasks{}", path.trim_start_matches("/api/tasks")))
            .json(&json!({"title": "w"})),
    ] {
        versions.push(version(&Answer::expect(200, request).await));
        assert_eq!(version(&alice.get(200, path).await), *versions.last().unwrap());
        assert_eq!(state(&alice).await, *versions.last().unwrap(), "the last write is the state of the list");
        let head = Answer::expect(200, alice.request(Method::HEAD, path)).await;
        assert_eq!(state_of(&head), *versions.last().unwrap());
        assert!(head.text.is_empty());
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert_eq!(alice.get(200, "/api/tasks").await.json()[0]["version"], *versions.last().unwrap());
    let delete = alice.request(Method::DELETE, path).header("prefer", "return=representation");
    let deleted = Answer::expect(200, delete).await;
    assert_eq!(version(&deleted), *versions.last().unwrap(), "the deleted task has the version that it had");
    assert!(state(&alice).await > *versions.last().unwrap(), "the delete is a write of the list");
}

#[on_both_databases]
async fn every_write_raises_the_state_of_its_owners_list_and_no_other_request_does(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let his = bob.create("his").await;
    let of_bob = state(&bob).await;
    assert_eq!(state(&alice).await, 0, "an owner without a write");
    let path = alice.create("t").await;
    let mut last = state(&alice).await;
    assert!(last > 0);
    let (complete, all) = (format!("{path}/complete"), "/api/tasks/complete-all");
    for (rises, status, method, path, body) in [
        (true, 200, Method::PUT, path.as_str(), Some(json!({"title": "u"}))),
        (false, 200, Method::PUT, &path, Some(json!({}))),
        (false, 422, Method::PUT, &path, Some(json!({"title": ""}))),
        (false, 404, Method::PUT, "/api/tasks/999999", Some(json!({"title": "v"}))),
        (false, 403, Method::PUT, &his, Some(json!({"title": "v"}))),
        (true, 200, Method::POST, all, None),
        (false, 200, Method::POST, all, None),
        (true, 200, Method::PATCH, &complete, None),
        (true, 200, Method::PATCH, &complete, Some(json!({"completed": true}))),
        (false, 404, Method::DELETE, "/api/tasks/999999", None),
        (true, 200, Method::DELETE, "/api/tasks?status=completed", None),
        (false, 200, Method::DELETE, "/api/tasks?status=completed", None),
        (true, 201, Method::POST, "/api/tasks", Some(json!({"title": "w"}))),
        (false, 200, Method::GET, "/api/tasks/summary", None),
    ] {
        let name = format!("{method} {path} {body:?}");
        let request = alice.request(method, path);
        Answer::expect(status, if let Some(body) = body { request.json(&body) } else { request }).await;
        let now = state(&alice).await;
        assert!(if rises { now > last } else { now == last }, "{name}: {last} {now}");
        last = now;
    }
    assert_eq!(state(&bob).await, of_bob);
}

#[on_both_databases]
async fn the_writes_of_bulk_operations_have_numbers_of_their_own(app: TestApp) {
    let alice = app.user("alice");
    for title in ["a", "b", "c"] {
        alice.create(title).await;
    }
    let before = state(&alice).await;
    alice.post(200, "/api/tasks/complete-all", json!({})).await;
    let list = alice.get(200, "/api/tasks").await;
    let mut versions: Vec<i64> =
        list.json().as_array().unwrap().iter().map(|task| task["version"].as_i64().unwrap()).collect();
    versions.sort_unstable();
    versions.insert(0, before);
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert_eq!(state_of(&list), *versions.last().unwrap());
}

#[on_both_databases]
async fn every_list_that_does_not_depend_on_the_time_has_the_owners_state_as_its_tag(app: TestApp) {
    let alice = app.user("alice");
    let queries = [
        "",
        "?limit=1",
        "?limit=200",
        "?status=completed",
        "?priority=high",
        "?search=x",
        "?tag=a",
        "?sort=title",
        "?sort=updated_at",
        "?sort=priority,-due_date",
        "?due_before=2026-01-01&tz=Asia/Tokyo",
        "?due_after=2026-01-01",
        "?offset=1&limit=1",
        "?sort=updated_at&limit=1",
    ];
    for round in 0..2 {
        let state = state(&alice).await;
        assert_eq!(state == 0, round == 0);
        let mut paths: Vec<String> = queries.iter().map(|query| format!("/api/tasks{query}")).collect();
        paths.extend(
            ["/api/tasks/summary", "/api/tasks/summary?tz=Asia/Tokyo", "/api/tags", "/api/alice/tasks/"]
                .map(str::to_owned),
        );
        for path in paths {
            for method in [Method::GET, Method::HEAD] {
                let answer = Answer::expect(200, alice.request(method.clone(), &path)).await;
                assert_eq!(state_of(&answer), state, "{method} {path}");
                let known = alice.request(method, &path).header("if-none-match", format!("\"{state}\""));
                let unchanged = Answer::expect(304, known).await;
                assert_eq!((state_of(&unchanged), unchanged.text.as_str()), (state, ""), "{path}");
                assert!(!unchanged.has("content-type"), "{path}");
            }
        }
        for due in ["overdue", "today", "week"] {
            for path in [format!("/api/tasks?due={due}"), format!("/api/tasks?due={due}&limit=5&status=pending")] {
                let answer = get(&alice, &path, &format!("\"{state}\"")).await;
                assert_eq!((answer.status, answer.has("etag")), (200, false), "{path} depends on the time");
                assert_eq!(get(&alice, &path, "*").await.status, 200, "{path}");
            }
        }
        alice.create("x").await;
        alice.create("y").await;
    }
}

#[on_both_databases]
async fn a_page_behind_a_cursor_and_a_streamed_list_have_the_tag_too(app: TestApp) {
    let alice = app.user("alice");
    testing::seed(&app.database.connect().await, 600, &[("user_id", "'alice'")]).await;
    alice.create("newest").await;
    let state = state(&alice).await;
    let first = alice.get(200, "/api/tasks?limit=2").await;
    let link = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    for path in [link.as_str(), "/api/tasks", "/api/tasks?sort=updated_at", "/api/tasks?sort=title"] {
        let answer = alice.get(200, path).await;
        assert_eq!(state_of(&answer), state, "{path}");
        assert!(answer.json().as_array().unwrap().len() > 1);
        assert_eq!(get(&alice, path, &format!("\"{state}\"")).await.status, 304, "{path}");
    }
    // A mistake of the query is found before the condition is judged.
    assert_eq!(get(&alice, "/api/tasks?cursor=x&limit=2", &format!("\"{state}\"")).await.code(), "invalid_cursor");
}

#[on_both_databases]
async fn the_summary_has_a_tag_only_if_no_pending_task_has_a_due_date(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.post(201, "/api/tasks", json!({"title": "t", "due_date": "2999-01-31"})).await;
    let path = path.header("location");
    let summary = alice.get(200, "/api/tasks/summary").await;
    assert!(!summary.has("etag"), "the task will become due");
    assert_eq!(get(&alice, "/api/tasks/summary", "*").await.status, 200);
    alice.toggle(200, path).await;
    let summary = alice.get(200, "/api/tasks/summary").await;
    assert_eq!(state_of(&summary), state(&alice).await, "a completed task is never overdue");
    assert_eq!(get(&alice, "/api/tasks/summary", summary.header("etag")).await.status, 304);
    alice.toggle(200, path).await;
    assert_eq!(get(&alice, "/api/tasks/summary", summary.header("etag")).await.status, 200);
    alice.put(200, path, json!({"due_date": null})).await;
    assert!(alice.get(200, "/api/tasks/summary").await.has("etag"));
}

#[on_both_databases]
async fn if_none_match_is_compared_weakly_with_every_tag(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.create("t").await;
    for path in [task.as_str(), "/api/tasks", "/api/tags", "/api/tasks/summary"] {
        let tag = alice.get(200, path).await.header("etag").to_owned();
        let number = tag.trim_matches('"');
        for (known, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"1\", W/\"x\",{tag} ,\"2\""), 304),
            ("*".to_owned(), 304),
            (format!("\"1\", {}", "\"2\", ".repeat(30) + &tag), 304),
            ("\"1\"".to_owned(), 200),
            (format!("\"0{number}\""), 200),
            (format!("\"{number}-gzip\""), 200),
            // No tag at all is no condition.
            (number.to_owned(), 200),
            (String::new(), 200),
            ("\"".to_owned(), 200),
        ] {
            let answer = get(&alice, path, &known).await;
            assert_eq!(answer.status, status, "{path} {known}");
            assert_eq!(
                (answer.header("etag"), answer.text.is_empty()),
                (tag.as_str(), status == 304),
                "{path} {known}"
            );
        }
        let lines = alice.request(Method::GET, path).header("if-none-match", "\"1\"").header("if-none-match", &tag);
        Answer::expect(304, lines).await;
        alice.put(200, &task, json!({"title": "u"})).await;
        assert_eq!(get(&alice, path, &tag).await.status, 200, "{path} has changed");
    }
}

#[on_both_databases]
async fn erasing_leaves_no_row_of_the_user_and_no_number_comes_twice(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    for user in [&alice, &bob] {
        let path = user.create("t").await;
        user.toggle(200, &path).await;
        let gone = user.create("gone").await;
        user.delete(204, &gone).await;
    }
    let connection = app.database.connect().await;
    let rows = async |name: &str| {
        let mut counts = Vec::new();
        for table in ["task", "task_owner", "task_change", "task_request"] {
            let count = format!("SELECT count(*) AS rows FROM {table} WHERE user_id = '{name}'");
            let statement = Statement::from_string(connection.get_database_backend(), count);
            let row = connection.query_one_raw(statement).await.unwrap().unwrap();
            counts.push(row.try_get::<i64>("", "rows").unwrap());
        }
        counts
    };
    let before = state(&alice).await;
    assert_eq!(rows("alice").await, [1, 1, 4, 0]);
    alice.delete(204, "/api/me").await;
    assert_eq!(rows("alice").await, [0, 0, 0, 0]);
    assert_eq!(rows("bob").await, [1, 1, 4, 0]);
    assert_eq!(state(&alice).await, 0);
    assert_eq!(get(&alice, "/api/tasks", &format!("\"{before}\"")).await.json(), json!([]));
    let again = alice.post(201, "/api/tasks", json!({"title": "again"})).await;
    assert!(version(&again) > before);
}

#[on_both_databases]
async fn concurrent_writes_of_an_owner_get_different_numbers_on_several_workers(app: TestApp) {
    let app = app.with_settings(&[("WORKERS", "3"), ("DATABASE_MAX_CONNECTIONS", "7")]).await;
    let mut running = tokio::task::JoinSet::new();
    let alice = app.user("alice");
    for number in 0..60 {
        // Concurrent requests have connections of their own, each of which belongs to one of the workers.
        let alice = alice.clone();
        running.spawn(async move {
            let created = alice.post(201, "/api/tasks", json!({"title": format!("{number}")})).await;
            [version(&created), version(&alice.toggle(200, created.header("location")).await)]
        });
    }
    let mut versions: Vec<i64> = running.join_all().await.into_iter().flatten().collect();
    let list = alice.get(200, "/api/tasks").await;
    versions.sort_unstable();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert_eq!(state_of(&list), *versions.last().unwrap());
    let listed: Vec<Value> = list.json().as_array().unwrap().clone();
    assert!(listed.iter().all(|task| task["completed"] == true && listed.len() == 60));
}

#[on_both_databases]
async fn the_documented_statements_mend_the_owners_after_writes_without_the_clock(app: TestApp) {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, block) = guide.split_once("```sql\n").unwrap();
    let (statements, _) = block.split_once("```").unwrap();
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    alice.create("t").await;
    let before = state(&alice).await;
    // As a server of the version before writes.
    let connection = app.database.connect().await;
    for owner in ["alice", "bob"] {
        let insert = format!(
            "INSERT INTO task (user_id, title, completed, created_at, updated_at) \
             SELECT '{owner}', 'old', false, created_at, updated_at FROM task WHERE title = 't'"
        );
        connection.execute_unprepared(&insert).await.unwrap();
    }
    let of_bob = format!("/api/tasks/{}", bob.get(200, "/api/tasks").await.json()[0]["id"]);
    bob.toggle(404, &of_bob).await;
    connection.execute_unprepared(statements).await.unwrap();
    bob.toggle(200, &of_bob).await;
    assert_eq!(state(&alice).await, before + 1);
    let app = app.with_settings(&[("MAX_TASKS_PER_USER", "2")]).await;
    app.user("alice").post(409, "/api/tasks", json!({"title": "t"})).await;
    app.user("bob").post(201, "/api/tasks", json!({"title": "t"})).await;
}
