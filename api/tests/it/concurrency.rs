//! Concurrent requests: every answer stays true.

use std::collections::BTreeSet;

use serde_json::json;
use testing::on_both_databases;
use tokio::task::JoinSet;

use crate::support::TestApp;

#[on_both_databases]
async fn fifty_one_concurrent_toggles_leave_the_task_completed(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let mut running = JoinSet::new();
    for _ in 0..51 {
        let (alice, path) = (alice.clone(), path.clone());
        running.spawn(async move { alice.toggle(200, &path).await.json() });
    }
    let answers = running.join_all().await;
    assert_eq!(answers.iter().filter(|task| task["completed"] == true).count(), 26);
    let moments: BTreeSet<String> = answers.iter().map(|task| task["updated_at"].to_string()).collect();
    assert_eq!(moments.len(), 51, "updated_at moves with every write");
    assert_eq!(alice.get(200, &path).await.json()["completed"], true);
}

#[on_both_databases]
async fn a_hundred_concurrent_creates_give_a_hundred_ids(app: TestApp) {
    let alice = app.user("alice");
    let mut running = JoinSet::new();
    for number in 0..100 {
        let alice = alice.clone();
        running.spawn(async move {
            alice.post(201, "/api/tasks", json!({"title": format!("{number}")})).await.json()["id"].as_i64().unwrap()
        });
    }
    let ids: BTreeSet<i64> = running.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 100);
    let listed = alice.get(200, "/api/tasks").await.json();
    let listed: BTreeSet<i64> = listed.as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect();
    assert_eq!(listed, ids);
}

#[on_both_databases]
async fn concurrent_partial_updates_do_not_undo_each_other(app: TestApp) {
    let alice = app.user("alice");
    for round in 0..10 {
        let path = alice.create("old").await;
        let mut running = JoinSet::new();
        for body in [
            json!({"title": format!("new {round}")}),
            json!({"description": format!("d {round}")}),
            json!({"completed": true}),
        ] {
            let (alice, path) = (alice.clone(), path.clone());
            running.spawn(async move { alice.patch(200, &path, body).await });
        }
        running.join_all().await;
        let task = alice.get(200, &path).await.json();
        assert_eq!(task["title"], format!("new {round}"));
        assert_eq!(task["description"], format!("d {round}"));
        assert_eq!(task["completed"], true);
    }
}

#[on_both_databases]
async fn one_of_several_concurrent_deletes_succeeds(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let mut running = JoinSet::new();
    for _ in 0..10 {
        let request = alice.request(reqwest::Method::DELETE, &path);
        running.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let mut statuses = running.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404, 404, 404, 404, 404, 404, 404]);
}
