//! The number of tasks that a user may have (`MAX_TASKS_PER_USER`).

use serde_json::json;
use testing::on_both_databases;
use tokio::task::JoinSet;

use crate::support::{Answer, TestApp, User};

/// Sends this number of creates at the same time. Each has a connection of its own, so that all workers get some. Returns the
/// number of those that were done. The others were refused because of the limit.
async fn create_at_once(user: &User, number: usize) -> usize {
    let mut running = JoinSet::new();
    for _ in 0..number {
        let user = user.clone();
        running.spawn(async move {
            Answer::to(user.request(reqwest::Method::POST, "/api/tasks").json(&json!({"title": "t"}))).await
        });
    }
    let answers = running.join_all().await;
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code().as_str()), (409, "task_limit_reached"));
        assert!(!answer.has("etag") && !answer.has("location"));
    }
    answers.iter().filter(|answer| answer.status == 201).count()
}

async fn create(user: &User, status: u16) {
    user.post(status, "/api/tasks", json!({"title": "t"})).await;
}

#[on_both_databases]
async fn a_user_gets_exactly_as_many_tasks_as_the_limit_allows(app: TestApp) {
    let mut app = app;
    for (workers, connections, name) in [("1", "4", "alice"), ("3", "7", "bob")] {
        let variables = [("MAX_TASKS_PER_USER", "5"), ("WORKERS", workers), ("DATABASE_MAX_CONNECTIONS", connections)];
        app = app.with_settings(&variables).await;
        let user = app.user(name);
        assert_eq!(create_at_once(&user, 40).await, 5, "{workers} workers");
        let list = user.get(200, "/api/tasks").await;
        let path = format!("/api/tasks/{}", list.json()[0]["id"]);
        assert_eq!(list.json().as_array().map(Vec::len), Some(5));
        create(&user, 409).await;
        let refused = user.get(200, "/api/tasks").await;
        assert_eq!((refused.json(), refused.header("etag")), (list.json(), list.header("etag")), "nothing was written");
        // Another user has a limit of their own, and all else still works.
        create(&app.user(&format!("not {name}")), 201).await;
        user.put(200, &path, json!({"title": "u"})).await;

        user.delete(204, &path).await;
        assert_eq!(create_at_once(&user, 10).await, 1, "the place of the deleted task");
        user.delete(404, &path).await;
        create(&user, 409).await;
        user.post(200, "/api/tasks/complete-all", json!({})).await;
        // Completed tasks count.
        create(&user, 409).await;
        user.delete(200, "/api/tasks?status=completed").await;
        assert_eq!(create_at_once(&user, 20).await, 5);
        user.delete(204, "/api/me").await;
        assert_eq!(create_at_once(&user, 20).await, 5);
    }
}

#[on_both_databases]
async fn zero_is_no_limit_and_a_lower_limit_deletes_nothing(app: TestApp) {
    let app = app.with_settings(&[("MAX_TASKS_PER_USER", "0")]).await;
    assert_eq!(create_at_once(&app.user("alice"), 8).await, 8);
    let app = app.with_settings(&[("MAX_TASKS_PER_USER", "7")]).await;
    let alice = app.user("alice");
    create(&alice, 409).await;
    for left in (6..8).rev() {
        let list = alice.get(200, "/api/tasks").await.json();
        assert_eq!(list.as_array().map(Vec::len), Some(left + 1));
        create(&alice, 409).await;
        alice.delete(204, &format!("/api/tasks/{}", list[0]["id"])).await;
    }
    create(&alice, 201).await;
    create(&alice, 409).await;
}
