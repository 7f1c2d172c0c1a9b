//! `DELETE /api/tasks/{id}`

use reqwest::Method;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn a_deleted_task_is_gone_and_the_answer_has_no_body(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let answer = alice.delete(204, &path).await;
    assert_eq!(answer.text, "");
    assert!(!answer.has("content-type"));
    alice.get(404, &path).await;
    alice.delete(404, &path).await;
    assert_eq!(alice.titles("/api/tasks").await, [""; 0]);
}

#[on_both_databases]
async fn the_deleted_task_is_returned_if_the_client_prefers_it(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let before = alice.get(200, &path).await.json();
    let request = alice.request(Method::DELETE, &path).header("prefer", "return=representation");
    assert_eq!(Answer::expect(200, request).await.json(), before);
    alice.get(404, &path).await;
}

#[on_both_databases]
async fn with_the_setting_a_delete_returns_the_task_unless_the_client_prefers_otherwise(app: TestApp) {
    let app = app.with_settings(&[("DELETE_RETURNS_TASK", "true")]).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    assert_eq!(alice.delete(200, &path).await.json()["title"], "t");
    let path = alice.create("t").await;
    let request = alice.request(Method::DELETE, &path).header("prefer", "return=minimal");
    assert_eq!(Answer::expect(204, request).await.text, "");
}
