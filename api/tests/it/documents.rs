//! `/openapi.json` and `/docs`

use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn the_document_is_openapi_3_1_and_equals_the_committed_file(app: TestApp) {
    let answer = app.anonymous().get(200, "/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["openapi"].as_str().unwrap().starts_with("3.1."));

    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contracts/todo-api.yaml");
    let committed = std::fs::read_to_string(committed).unwrap();
    assert_eq!(api::openapi::yaml(), committed, "run `just openapi`");
    let served: Value = serde_json::from_str(&api::openapi::json()).unwrap();
    assert_eq!(served, answer.json());
}

#[on_both_databases]
async fn every_operation_has_an_example_and_states_its_errors(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let text = operation.to_string();
            let shows_something = text.contains("requestBody") || text.contains("\"content\"");
            assert!(text.contains("\"example\"") || !shows_something, "{method} {path} has no example");
            let stated: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let mut expected = vec!["401", "403", "422", "429", "500", "503"];
            if path.contains("{id}") {
                expected.push("404");
            }
            if operation.get("requestBody").is_some() {
                expected.extend(["408", "413"]);
            }
            if operation.get("requestBody").is_some() && !path.ends_with("complete") {
                expected.push("415");
            }
            for status in expected {
                assert!(stated.contains(&status), "{method} {path} does not state {status}");
            }
        }
    }
}

#[on_both_databases]
async fn the_limits_of_the_document_are_those_that_are_enforced(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for schema in ["CreateTask", "UpdateTask"] {
        let properties = &document["components"]["schemas"][schema]["properties"];
        assert_eq!(properties["title"]["maxLength"], 200);
        assert_eq!(properties["title"]["minLength"], 1);
        assert_eq!(properties["description"]["maxLength"], 1000);
    }
}

#[on_both_databases]
async fn swagger_ui_comes_from_the_program_itself(app: TestApp) {
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get(308, "/docs").await.header("location"), "docs/");
    let page = anonymous.get(200, "/docs/").await;
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("swagger-ui"));
    assert!(!page.text.contains("https://") && !page.text.contains("//cdn"), "{}", page.text);
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        anonymous.get(200, &format!("/docs/{file}")).await;
    }
}

#[on_both_databases]
async fn the_documentation_can_be_turned_off(app: TestApp) {
    let app = app.with_settings(&[("DOCS", "false")]).await;
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.json"] {
        assert_eq!(app.anonymous().get(404, path).await.code(), "route_not_found", "{path}");
        let posted = Answer::expect(404, app.anonymous().request(Method::POST, path)).await;
        assert_eq!(posted.code(), "route_not_found", "{path}");
    }
    app.anonymous().get(200, "/health/ready").await;
    app.user("alice").get(200, "/api/tasks").await;
}
