//! Runs every operation of the OpenAPI document without a token and as another user.

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

/// An operation and a request for it. The suite fails if the document has an operation that this table has not.
struct Operation {
    id: &'static str,
    method: Method,
    path: &'static str,
    query: &'static str,
    body: Option<Value>,
}

fn operations() -> Vec<Operation> {
    let operation = |id, method, path, body| Operation { id, method, path, query: "", body };
    vec![
        operation("list_tasks", Method::GET, "/api/tasks", None),
        operation("create_task", Method::POST, "/api/tasks", Some(json!({"title": "theirs"}))),
        operation("get_task", Method::GET, "/api/tasks/{id}", None),
        operation("update_task", Method::PUT, "/api/tasks/{id}", Some(json!({"title": "theirs"}))),
        operation("patch_task", Method::PATCH, "/api/tasks/{id}", Some(json!({"title": "theirs"}))),
        operation("delete_task", Method::DELETE, "/api/tasks/{id}", None),
        operation("complete_task", Method::PATCH, "/api/tasks/{id}/complete", None),
        operation("summarize_tasks", Method::GET, "/api/tasks/summary", None),
        operation("complete_all_tasks", Method::POST, "/api/tasks/complete-all", None),
        Operation {
            query: "?status=completed",
            ..operation("delete_completed_tasks", Method::DELETE, "/api/tasks", None)
        },
        operation("list_tags", Method::GET, "/api/tags", None),
        operation("export_me", Method::GET, "/api/me/export", None),
        operation("erase_me", Method::DELETE, "/api/me", None),
    ]
}

impl Operation {
    fn request(&self, user: &User, task: &str) -> RequestBuilder {
        let id = task.rsplit('/').next().unwrap();
        let request = user.request(self.method.clone(), &format!("{}{}", self.path.replace("{id}", id), self.query));
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

#[on_both_databases]
async fn every_operation_of_the_document_is_in_the_table(app: TestApp) {
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
    let tested: BTreeSet<_> = operations()
        .into_iter()
        .map(|operation| (operation.id.to_owned(), operation.method.to_string(), operation.path.to_owned()))
        .collect();
    assert_eq!(tested, documented);
}

#[on_both_databases]
async fn a_request_without_a_token_gets_nothing(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.create("hers").await;
    let before = alice.get(200, &task).await.json();
    for operation in operations() {
        let answer = Answer::expect(401, operation.request(&app.anonymous(), &task)).await;
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
async fn another_user_gets_none_of_her_tasks(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let task = alice.create("hers").await;
    let before = alice.get(200, &task).await.json();
    for operation in operations() {
        if operation.path.contains("{id}") {
            let answer = Answer::expect(403, operation.request(&bob, &task)).await;
            assert_eq!(
                (answer.code().as_str(), answer.detail().as_str()),
                ("not_owner", "You do not own this task"),
                "{}",
                operation.id
            );
        } else {
            let response = operation.request(&bob, &task).send().await.unwrap();
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
async fn every_operation_on_another_users_path_is_403(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.create("hers").await;
    for mut operation in operations().into_iter().filter(|operation| operation.path.starts_with("/api/tasks")) {
        operation.path = Box::leak(operation.path.replace("/api/", "/api/alice/").into_boxed_str());
        Answer::expect(403, operation.request(&app.user("bob"), &task)).await;
    }
}

#[test]
fn the_url_map_is_what_the_document_says() {
    let document: Value = serde_json::from_str(&api::openapi::json()).unwrap();
    let mapped: BTreeSet<_> = api::routes::operations()
        .iter()
        .flat_map(|endpoint| endpoint.methods().map(|method| (endpoint.path(), method.to_string())).collect::<Vec<_>>())
        .collect();
    let tested: BTreeSet<_> =
        operations().into_iter().map(|operation| (operation.path, operation.method.to_string())).collect();
    assert_eq!(mapped, tested);
    assert_eq!(document["paths"].as_object().unwrap().len(), api::routes::operations().len());
}
