//! The same operations under `/api/{user_id}`, and with a slash at the end.

use reqwest::Method;
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn every_operation_works_under_the_callers_id_too(app: TestApp) {
    let alice = app.user("alice");
    alice.post(201, "/api/alice/tasks", json!({"title": "t"})).await;
    let id = alice.get(200, "/api/alice/tasks").await.json()[0]["id"].clone();
    let path = format!("/api/alice/tasks/{id}");
    assert_eq!(alice.get(200, &path).await.json()["title"], "t");
    assert_eq!(alice.put(200, &path, json!({"title": "u"})).await.json()["title"], "u");
    assert_eq!(alice.patch(200, &path, json!({"title": "v"})).await.json()["title"], "v");
    assert_eq!(alice.toggle(200, &path).await.json()["completed"], true);
    assert_eq!(alice.titles("/api/alice/tasks?status=completed").await, ["v"]);
    alice.delete(204, &path).await;
}

#[on_both_databases]
async fn another_users_path_is_403_before_anything_else_is_checked(app: TestApp) {
    let alice = app.user("alice");
    let answer = alice.get(403, "/api/bob/tasks?status=nonsense").await;
    assert_eq!(
        (answer.code().as_str(), answer.detail().as_str()),
        ("not_your_path", "This path belongs to another user")
    );
    alice.get(403, "/api/bob/tasks/1.5").await;
    alice.get(403, "/api/ALICE/tasks").await;
    alice.get(403, "/api/%FF/tasks").await;
    Answer::expect(403, alice.request(Method::POST, "/api/bob/tasks").body("{")).await;
    app.anonymous().get(401, "/api/bob/tasks").await;
}

#[on_both_databases]
async fn an_id_with_special_characters_is_percent_encoded_in_the_path(app: TestApp) {
    let odd = app.user("auth0|50%/ü +1");
    odd.get(200, "/api/auth0%7C50%25%2F%C3%BC%20+1/tasks").await;
    odd.get(403, "/api/auth0%7C50%25%2F%C3%BC++1/tasks").await;
}

#[on_both_databases]
async fn a_slash_at_the_end_changes_nothing(app: TestApp) {
    let alice = app.user("alice");
    let task = alice.post(201, "/api/tasks/", json!({"title": "t"})).await;
    let path = task.header("location");
    assert_eq!(alice.titles("/api/tasks/").await, ["t"]);
    assert_eq!(alice.titles("/api/alice/tasks/").await, ["t"]);
    alice.get(200, &format!("{path}/")).await;
    Answer::expect(200, alice.request(Method::PATCH, &format!("{path}/complete/"))).await;
}

#[on_both_databases]
async fn the_second_tasks_of_a_path_is_a_word_even_for_a_user_named_tasks(app: TestApp) {
    let tasks = app.user("tasks");
    let task = tasks.create("theirs").await;
    let id = task.rsplit('/').next().unwrap();
    for path in ["/api/tasks/tasks", "/api/tasks/tasks/", "/api/tasks/tags", &format!("/api/tasks/tasks/{id}")] {
        for user in [&tasks, &app.user("alice")] {
            assert_eq!(user.get(404, path).await.code(), "route_not_found", "{path}");
            user.delete(404, &format!("{path}?status=completed")).await;
        }
    }
    tasks.get(200, &task).await;
}
