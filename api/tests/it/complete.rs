//! `PATCH /api/tasks/{id}/complete`

use reqwest::Method;
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn a_request_without_a_body_toggles_the_task(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let created = alice.get(200, &path).await.json();
    let task = alice.toggle(200, &path).await.json();
    assert_eq!(task["completed"], true);
    assert!(task["updated_at"].as_str() > created["updated_at"].as_str());
    assert_eq!(task["created_at"], created["created_at"]);
    assert_eq!(alice.toggle(200, &path).await.json()["completed"], false);
}

#[on_both_databases]
async fn an_empty_body_with_any_content_type_toggles_the_task(app: TestApp) {
    let alice = app.user("alice");
    let path = format!("{}/complete", alice.create("t").await);
    let mut completed = false;
    for (content_type, body) in [
        ("application/json", ""),
        ("text/plain", ""),
        ("application/x-www-form-urlencoded", ""),
        ("nonsense", " \n"),
        ("application/json", "{}"),
        ("text/plain", "{}"),
        ("application/json", "null"),
        ("application/json", r#"{"other": 1}"#),
    ] {
        let request = alice.request(Method::PATCH, &path).header("content-type", content_type).body(body);
        completed = !completed;
        assert_eq!(Answer::expect(200, request).await.json()["completed"], completed, "{content_type} {body}");
    }
}

#[on_both_databases]
async fn completed_in_the_body_or_the_query_sets_it_so_that_a_retry_is_safe(app: TestApp) {
    let alice = app.user("alice");
    let path = format!("{}/complete", alice.create("t").await);
    for completed in [true, true, false, false] {
        assert_eq!(alice.patch(200, &path, json!({"completed": completed})).await.json()["completed"], completed);
    }
    for completed in [true, true, false, false] {
        let request = alice.request(Method::PATCH, &format!("{path}?completed={completed}"));
        assert_eq!(Answer::expect(200, request).await.json()["completed"], completed);
    }
    let request =
        alice.request(Method::PATCH, &path).header("content-type", "text/plain").body(r#"{"completed":true}"#);
    assert_eq!(Answer::expect(200, request).await.json()["completed"], true);
}

#[on_both_databases]
async fn the_body_wins_over_the_query(app: TestApp) {
    let alice = app.user("alice");
    let path = format!("{}/complete", alice.create("t").await);
    for completed in [true, false] {
        let task = alice.patch(200, &format!("{path}?completed={}", !completed), json!({"completed": completed})).await;
        assert_eq!(task.json()["completed"], completed);
    }
}

#[on_both_databases]
async fn a_value_that_is_not_a_boolean_is_422_and_changes_nothing(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.create("t").await;
    let path = format!("{task}/complete");
    for body in
        ["{", "true", "[true]", "hello", r#"{"completed": null}"#, r#"{"completed": "true"}"#, r#"{"completed": 1}"#]
    {
        Answer::expect(422, alice.request(Method::PATCH, &path).body(body)).await;
    }
    for query in ["completed=", "completed=1", "completed=yes", "completed=true&completed=false"] {
        let answer = Answer::expect(422, alice.request(Method::PATCH, &format!("{path}?{query}"))).await;
        assert!(answer.detail().contains("completed"), "{}", answer.detail());
    }
    assert_eq!(alice.get(200, &task).await.json()["completed"], false);
}
