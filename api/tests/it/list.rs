//! `GET /api/tasks`

use serde_json::json;
use testing::on_both_databases;

use crate::support::TestApp;

#[on_both_databases]
async fn the_list_is_a_bare_array_and_empty_at_first(app: TestApp) {
    assert_eq!(app.user("alice").get(200, "/api/tasks").await.json(), json!([]));
}

#[on_both_databases]
async fn the_list_shows_the_callers_tasks_newest_first(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    for title in ["one", "two", "three"] {
        alice.create(title).await;
        bob.create("not hers").await;
    }
    assert_eq!(alice.titles("/api/tasks").await, ["three", "two", "one"]);
}

#[on_both_databases]
async fn tasks_of_the_same_instant_are_listed_by_id_descending(app: TestApp) {
    use testing::ConnectionTrait;

    let alice = app.user("alice");
    for title in ["one", "two", "three"] {
        alice.create(title).await;
    }
    app.database
        .connect()
        .await
        .execute_unprepared("UPDATE task SET created_at = '2026-01-01 00:00:00+00:00'")
        .await
        .unwrap();
    assert_eq!(alice.titles("/api/tasks").await, ["three", "two", "one"]);
}

#[on_both_databases]
async fn status_filters_the_list(app: TestApp) {
    let alice = app.user("alice");
    alice.create("pending").await;
    let done = alice.create("done").await;
    alice.toggle(200, &done).await;
    assert_eq!(alice.titles("/api/tasks?status=all").await, ["done", "pending"]);
    assert_eq!(alice.titles("/api/tasks?status=pending").await, ["pending"]);
    assert_eq!(alice.titles("/api/tasks?status=completed").await, ["done"]);
}

#[on_both_databases]
async fn an_unknown_status_is_422_and_named(app: TestApp) {
    let alice = app.user("alice");
    for status in ["late", "", "ALL+", "all,pending", "%00", "%FF"] {
        let answer = alice.get(422, &format!("/api/tasks?status={status}")).await;
        assert_eq!(answer.code(), "invalid_parameter");
        assert!(answer.detail().contains("status"), "{}", answer.detail());
    }
    alice.get(422, "/api/tasks?status=all&status=pending").await;
}

#[on_both_databases]
async fn unknown_parameters_are_ignored(app: TestApp) {
    app.user("alice").get(200, "/api/tasks?sort=title&page=2&_=1").await;
}
