//! `Prefer: handling=strict`

use reqwest::Method;
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

on_both_databases! {
    async fn unknown_fields_are_422_and_named(app: TestApp) {
        let alice = app.user("alice");
        let path = alice.create("t").await;
        for (method, path) in [(Method::POST, "/api/tasks".to_owned()), (Method::PUT, path.clone()), (Method::PATCH, path.clone()), (Method::PATCH, format!("{path}/complete"))] {
            let request = alice.request(method, &path).header("prefer", "handling=strict");
            let answer = Answer::expect(422, request.json(&json!({"title": "t", "user_id": "bob", "prio": 1}))).await;
            assert_eq!(answer.code(), "unknown_field");
            assert!(answer.detail().contains("user_id") && answer.detail().contains("prio"), "{}", answer.detail());
        }
    }

    async fn unknown_parameters_are_422_and_named_on_every_operation(app: TestApp) {
        let alice = app.user("alice");
        let path = alice.create("t").await;
        for (method, path) in [
            (Method::GET, "/api/tasks?status=all&sort=title".to_owned()),
            (Method::POST, "/api/tasks?sort=title".to_owned()),
            (Method::GET, format!("{path}?sort=title")),
            (Method::PUT, format!("{path}?sort=title")),
            (Method::PATCH, format!("{path}?sort=title")),
            (Method::PATCH, format!("{path}/complete?sort=title")),
            (Method::DELETE, format!("{path}?sort=title")),
        ] {
            let request = alice.request(method, &path).header("prefer", "handling=strict").json(&json!({}));
            let answer = Answer::expect(422, request).await;
            assert_eq!((answer.code().as_str(), answer.detail().as_str()), ("unknown_parameter", "Unknown query parameters: sort"));
        }
    }

    async fn what_is_known_passes(app: TestApp) {
        let alice = app.user("alice");
        let request = alice.request(Method::POST, "/api/tasks").header("prefer", "handling=strict");
        Answer::expect(201, request.json(&json!({"title": "t", "description": null}))).await;
        Answer::expect(200, alice.request(Method::GET, "/api/tasks?status=all").header("prefer", "handling=strict")).await;
    }
}
