//! Requests that are sent again with the same `Idempotency-Key`.

use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

async fn post(user: &User, path: &str, key: &str, body: &str) -> Answer {
    let request = user.request(reqwest::Method::POST, path).header("idempotency-key", key);
    Answer::to(request.header("content-type", "application/json").body(body.to_owned())).await
}

#[on_both_databases]
async fn a_create_whose_answer_was_lost_can_be_sent_again(app: TestApp) {
    let alice = app.user("alice");
    let first = post(&alice, "/api/tasks", "k", r#"{"title": "Milk"}"#).await;
    assert_eq!((first.status, first.has("idempotency-replayed")), (201, false));
    let id = first.json()["id"].clone();
    alice.delete(204, &format!("/api/tasks/{id}")).await;
    let again = post(&alice, "/api/tasks", "k", r#"{"title": "Milk"}"#).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("location"), format!("/api/tasks/{id}"));
    assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([]));
}

#[on_both_databases]
async fn a_key_with_another_body_is_refused_with_the_name_of_the_header(app: TestApp) {
    let alice = app.user("alice");
    post(&alice, "/api/tasks", "k", r#"{"title": "Milk"}"#).await;
    let refused = post(&alice, "/api/tasks", "k", r#"{"title": "Oat milk"}"#).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "idempotency_key_reused"));
    assert_eq!(refused.json()["errors"][0]["field"], "Idempotency-Key");
    assert_eq!(alice.get(200, "/api/tasks").await.json().as_array().unwrap().len(), 1);
}

#[on_both_databases]
async fn a_body_that_is_not_accepted_claims_no_key(app: TestApp) {
    let alice = app.user("alice");
    assert_eq!(post(&alice, "/api/tasks", "k", r#"{"title": ""}"#).await.status, 422);
    let created = post(&alice, "/api/tasks", "k", r#"{"title": "Milk"}"#).await;
    assert_eq!((created.status, created.has("idempotency-replayed")), (201, false));
}

#[on_both_databases]
async fn the_path_of_a_user_is_the_same_operation(app: TestApp) {
    let alice = app.user("alice");
    let first = post(&alice, "/api/alice/tasks", "k", r#"{"title": "Milk"}"#).await;
    let again = post(&alice, "/api/tasks/", "k", r#"{"title": "Milk"}"#).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
}

#[on_both_databases]
async fn a_repeated_delete_is_204_again_and_a_toggle_stays(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("Milk").await;
    let send = async |method: &str, path: &str| {
        let request = alice.request(method.parse().unwrap(), path).header("idempotency-key", method);
        let answer = Answer::to(request).await;
        (answer.status, answer.has("idempotency-replayed"))
    };
    let toggle = format!("{path}/complete");
    assert_eq!((send("PATCH", &toggle).await, send("PATCH", &toggle).await), ((200, false), (200, true)));
    assert_eq!(alice.get(200, &path).await.json()["completed"], true);
    assert_eq!((send("DELETE", &path).await, send("DELETE", &path).await), ((204, false), (204, true)));
}

#[on_both_databases]
async fn one_of_many_concurrent_requests_with_one_key_creates(app: TestApp) {
    let alice = app.user("alice");
    let sent = (0..30).map(|_| post(&alice, "/api/tasks", "k", r#"{"title": "Milk"}"#));
    let answers = futures_util::future::join_all(sent).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text));
    assert_eq!(answers.iter().filter(|answer| !answer.has("idempotency-replayed")).count(), 1);
}
