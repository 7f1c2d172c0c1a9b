//! Operations on all tasks of a caller: complete all, delete completed, counts and tags.

use serde_json::json;
use testing::on_both_databases;

use crate::support::TestApp;

#[on_both_databases]
async fn completing_all_completes_the_callers_tasks_and_returns_how_many_were_pending(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let done = alice.create("done").await;
    let done = alice.toggle(200, &done).await.json();
    for title in ["one", "two"] {
        alice.create(title).await;
        bob.create(title).await;
    }
    assert_eq!(alice.post(200, "/api/tasks/complete-all", json!({})).await.json(), json!({"count": 2}));
    assert_eq!(alice.titles("/api/tasks?status=completed").await, ["two", "one", "done"]);
    assert_eq!(bob.titles("/api/tasks?status=pending").await, ["two", "one"]);
    let list = alice.get(200, "/api/tasks").await.json();
    // A task that was already completed is not written.
    assert_eq!(list[2], done);
    assert_eq!((&list[0]["completed_at"], list[0]["completed_at"].is_null()), (&list[0]["updated_at"], false));
    assert_eq!(alice.post(200, "/api/alice/tasks/complete-all/", json!({})).await.json(), json!({"count": 0}));
}

#[on_both_databases]
async fn deleting_completed_tasks_leaves_the_others(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    for user in [&alice, &bob] {
        user.create("pending").await;
        for title in ["one", "two"] {
            let path = user.create(title).await;
            user.toggle(200, &path).await;
        }
    }
    assert_eq!(alice.delete(200, "/api/tasks?status=completed").await.json(), json!({"count": 2}));
    assert_eq!(alice.titles("/api/tasks").await, ["pending"]);
    assert_eq!(bob.titles("/api/tasks").await, ["two", "one", "pending"]);
    assert_eq!(alice.delete(200, "/api/tasks?status=completed").await.json(), json!({"count": 0}));
}

#[on_both_databases]
async fn no_other_bulk_delete_is_possible(app: TestApp) {
    let alice = app.user("alice");
    alice.create("t").await;
    for query in ["", "?status=all", "?status=pending", "?status="] {
        let answer = alice.delete(422, &format!("/api/tasks{query}")).await;
        assert!(answer.detail().starts_with("status"), "{}", answer.detail());
    }
    assert_eq!(alice.titles("/api/tasks").await, ["t"]);
}

#[on_both_databases]
async fn the_summary_counts_the_callers_tasks_of_each_kind(app: TestApp) {
    let alice = app.user("alice");
    let nothing = alice.get(200, "/api/tasks/summary").await.json();
    assert_eq!(
        nothing,
        json!({"all": 0, "pending": 0, "completed": 0, "overdue": 0, "due_today": 0,
        "by_priority": {"none": 0, "low": 0, "medium": 0, "high": 0}, "by_tag": []})
    );
    assert_eq!(alice.get(200, "/api/tags").await.json(), json!([]));
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    for task in [
        json!({"title": "a", "priority": "high", "tags": ["Work", "é"], "due_date": "2000-01-01"}),
        json!({"title": "b", "priority": "high", "tags": ["work"], "due_date": today}),
        json!({"title": "c", "tags": ["work", "a"], "due_date": "2000-01-01T00:00:00Z"}),
    ] {
        alice.post(201, "/api/tasks", task).await;
    }
    app.user("bob").post(201, "/api/tasks", json!({"title": "his", "tags": ["his"]})).await;
    let done = alice
        .post(201, "/api/tasks", json!({"title": "d", "due_date": "2000-01-01"}))
        .await
        .header("location")
        .to_owned();
    alice.toggle(200, &done).await;
    let tags = json!([{"name": "a", "count": 1}, {"name": "é", "count": 1}, {"name": "work", "count": 3}]);
    let summary = alice.get(200, "/api/tasks/summary?tz=UTC").await.json();
    assert_eq!(
        summary,
        json!({"all": 4, "pending": 3, "completed": 1, "overdue": 2, "due_today": 1,
        "by_priority": {"none": 2, "low": 0, "medium": 0, "high": 2}, "by_tag": tags})
    );
    assert_eq!(alice.get(200, "/api/tags").await.json(), tags);
    assert!(alice.get(422, "/api/tasks/summary?tz=Nowhere").await.detail().starts_with("tz"));
}
