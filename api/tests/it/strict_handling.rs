//! `Prefer: handling=strict`

use reqwest::Method;
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn unknown_fields_are_422_and_named(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    for (method, path) in [
        (Method::POST, "/api/tasks".to_owned()),
        (Method::PUT, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::PATCH, format!("{path}/complete")),
    ] {
        let request = alice.request(method, &path).header("prefer", "handling=strict");
        let answer = Answer::expect(422, request.json(&json!({"title": "t", "user_id": "bob", "importance": 1}))).await;
        assert_eq!(answer.code(), "unknown_field");
        assert!(answer.detail().contains("user_id") && answer.detail().contains("importance"), "{}", answer.detail());
    }
}

#[on_both_databases]
async fn unknown_parameters_are_422_and_named_on_every_operation(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    for (method, path) in [
        (Method::GET, "/api/tasks?status=all&sorted=title".to_owned()),
        (Method::POST, "/api/tasks?sorted=title".to_owned()),
        (Method::GET, format!("{path}?sorted=title")),
        (Method::PUT, format!("{path}?sorted=title")),
        (Method::PATCH, format!("{path}?sorted=title")),
        (Method::PATCH, format!("{path}/complete?sorted=title")),
        (Method::DELETE, format!("{path}?sorted=title")),
        (Method::GET, "/api/tasks/summary?tz=UTC&sorted=title".to_owned()),
        (Method::GET, "/api/tasks/events?since=1&sorted=title".to_owned()),
        (Method::POST, "/api/tasks/complete-all?sorted=title".to_owned()),
        (Method::DELETE, "/api/tasks?status=completed&sorted=title".to_owned()),
        (Method::POST, "/api/recurrence/preview?sorted=title".to_owned()),
        (Method::GET, "/api/tags?sorted=title".to_owned()),
        (Method::POST, format!("{path}/restore?sorted=title")),
        (Method::POST, format!("{path}/reminders/1/snooze?sorted=title")),
        (Method::GET, format!("{path}/history?limit=1&sorted=title")),
        (Method::GET, format!("{path}/occurrences?limit=1&sorted=title")),
        (Method::DELETE, format!("{path}?series=true&sorted=title")),
        (Method::GET, "/api/tasks/trash?limit=1&sorted=title".to_owned()),
        (Method::DELETE, "/api/tasks/trash?sorted=title".to_owned()),
    ] {
        let request = alice.request(method, &path).header("prefer", "handling=strict").json(&json!({}));
        let answer = Answer::expect(422, request).await;
        assert_eq!(
            (answer.code().as_str(), answer.detail().as_str()),
            ("unknown_parameter", "Unknown query parameters: sorted")
        );
    }
}

#[on_both_databases]
async fn known_fields_and_parameters_pass(app: TestApp) {
    let alice = app.user("alice");
    let request = alice.request(Method::POST, "/api/tasks").header("prefer", "handling=strict");
    Answer::expect(201, request.json(&json!({"title": "t", "description": null}))).await;
    Answer::expect(200, alice.request(Method::GET, "/api/tasks?status=all").header("prefer", "handling=strict")).await;
}
