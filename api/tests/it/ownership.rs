//! Every operation of the API, without a token and as another user.

use std::collections::BTreeSet;

use api::routes::{self, Operation};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

/// Returns the query and the body that an operation needs to succeed. An operation without a row here fails the suite.
fn needs(operation: &str) -> (&'static str, Option<Value>) {
    match operation {
        "list_tasks" | "get_task" | "delete_task" | "complete_task" | "summarize_tasks" | "complete_all_tasks"
        | "list_tags" | "list_trash" | "empty_trash" | "restore_task" | "list_history" | "list_occurrences"
        | "export_me" | "erase_me" => ("", None),
        "list_changes" => ("?since={state}", None),
        // The stream ends at once, because this state is not known.
        "stream_events" => ("?since=1", None),
        "preview_recurrence" => {
            ("", Some(json!({"recurrence": "daily", "due_date": "2026-01-31", "time_zone": "Europe/Berlin"})))
        }
        "snooze_reminder" => ("", Some(json!({"minutes": 10}))),
        "create_task" | "update_task" | "patch_task" => ("", Some(json!({"title": "theirs"}))),
        "delete_completed_tasks" => ("?status=completed", None),
        unknown => panic!("the ownership tests have no row for the operation {unknown}"),
    }
}

/// Makes the request of an operation on this task, if it works on one. `path` is the operation's path, or another spelling, and
/// `state` is the state of the user's list.
pub(crate) fn request(operation: &Operation, path: &str, user: &User, task: &str, state: &str) -> RequestBuilder {
    let (query, body) = needs(&operation.id);
    let id = task.rsplit('/').next().unwrap();
    // The server and the client use different versions of the crate `http`.
    let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
    let request = user.request(
        method,
        &format!("{}{}", path.replace("{id}", id).replace("{n}", "1"), query.replace("{state}", state)),
    );
    match body {
        Some(body) => request.json(&body),
        None => request,
    }
}

#[on_both_databases]
async fn the_document_has_exactly_the_operations_that_are_tested(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            documented.insert((
                operation["operationId"].as_str().unwrap().to_owned(),
                method.to_uppercase(),
                path.clone(),
            ));
        }
    }
    let tested: BTreeSet<_> = routes::operations()
        .into_iter()
        .map(|operation| (operation.id, operation.method.clone(), operation.path.to_owned()))
        .collect();
    assert!(!tested.is_empty());
    assert_eq!(tested, documented);
}

#[on_both_databases]
async fn without_a_token_every_operation_is_refused(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.create("hers").await;
    let before = alice.get(200, &task).await.json();
    for operation in routes::operations() {
        let answer = Answer::expect(401, request(&operation, operation.path, &app.anonymous(), &task, "0")).await;
        assert_eq!(
            (answer.code().as_str(), answer.header("www-authenticate")),
            ("token_missing", r#"Bearer realm="tasks""#),
            "{}",
            operation.id
        );
    }
    assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([before]));
}

#[on_both_databases]
async fn no_operation_reads_or_changes_the_tasks_of_another_user(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let task = alice.create("hers").await;
    let before = alice.get(200, &task).await.json();
    for operation in routes::operations() {
        let list = bob.get(200, "/api/tasks").await;
        let request = request(&operation, operation.path, &bob, &task, list.header("etag").trim_matches('"'));
        if operation.path.contains("{id}") {
            // A task of another user is one that is not in the trash.
            let (status, code, detail) = match operation.id.as_str() {
                "restore_task" => (404, "task_not_found", "Task not found"),
                _ => (403, "not_owner", "You do not own this task"),
            };
            let answer = Answer::expect(status, request).await;
            assert_eq!((answer.code().as_str(), answer.detail().as_str()), (code, detail), "{}", operation.id);
        } else {
            let response = request.send().await.unwrap();
            assert!(
                response.status().is_success() && !response.text().await.unwrap().contains("hers"),
                "{}",
                operation.id
            );
        }
        assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([before]), "{}", operation.id);
    }
}

#[on_both_databases]
async fn every_operation_is_refused_under_the_path_of_another_user(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.create("hers").await;
    for operation in routes::operations().into_iter().filter(|operation| operation.path.starts_with("/api/tasks")) {
        let path = operation.path.replace("/api/", "/api/alice/");
        Answer::expect(403, request(&operation, &path, &app.user("bob"), &task, "0")).await;
    }
}
