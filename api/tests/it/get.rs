//! `GET /api/tasks/{id}`

use serde_json::json;
use testing::on_both_databases;

use crate::support::TestApp;

#[on_both_databases]
async fn a_task_equals_the_answer_to_its_creation(app: TestApp) {
    let alice = app.user("alice");
    let created = alice.post(201, "/api/tasks", json!({"title": "t", "description": "d"})).await;
    assert_eq!(alice.get(200, created.header("location")).await.json(), created.json());
}

#[on_both_databases]
async fn a_task_that_does_not_exist_is_404(app: TestApp) {
    let answer = app.user("alice").get(404, "/api/tasks/1").await;
    assert_eq!((answer.code().as_str(), answer.detail().as_str()), ("task_not_found", "Task not found"));
}

#[on_both_databases]
async fn an_integer_that_cannot_be_an_id_is_404(app: TestApp) {
    let alice = app.user("alice");
    alice.create("t").await;
    for id in [
        "0",
        "-1",
        "-0",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
    ] {
        assert_eq!(alice.get(404, &format!("/api/tasks/{id}")).await.detail(), "Task not found");
    }
}

#[on_both_databases]
async fn an_id_that_is_not_an_integer_is_422_and_named(app: TestApp) {
    let alice = app.user("alice");
    for id in ["a.b", "1.0", "1e3", "+1", "0x1", "%D9%A7", "1%00", "1;DROP", "%20", "3f2c-uuid"] {
        assert_eq!(alice.get(422, &format!("/api/tasks/{id}")).await.detail(), "id must be an integer", "{id}");
    }
}
