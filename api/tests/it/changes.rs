//! `GET /api/tasks/changes`

use reqwest::Method;
use serde_json::{Value, json};
use testing::{ConnectionTrait, on_both_databases};

use crate::support::{Answer, TestApp, User};

/// Returns the state of the user's list.
async fn state(user: &User) -> i64 {
    user.get(200, "/api/tasks").await.header("etag").trim_matches('"').parse().unwrap()
}

async fn since(user: &User, state: i64) -> Value {
    user.get(200, &format!("/api/tasks/changes?since={state}")).await.json()
}

#[on_both_databases]
async fn the_feed_has_changed_tasks_as_they_are_and_the_ids_of_deleted_ones_in_the_order_of_their_last_changes(
    app: TestApp,
) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let [one, two, three] = [alice.create("one").await, alice.create("two").await, alice.create("three").await];
    let begin = state(&alice).await;
    alice.toggle(200, &two).await;
    alice.patch(200, &one, json!({"title": "changed"})).await;
    let deleted = alice.get(200, &three).await.json()["id"].clone();
    alice.delete(204, &three).await;
    alice.create("four").await;
    bob.create("his").await;
    alice.patch(200, &two, json!({"priority": "high"})).await;
    let list = alice.get(200, "/api/tasks").await.json();
    let changed = |place: usize| json!({"type": "changed", "task": list[place]});
    let feed = since(&alice, begin).await;
    let number = feed["changes"][1]["version"].clone();
    assert_eq!(
        feed,
        json!({
            "changes": [changed(2), {"type": "deleted", "id": deleted, "version": number}, changed(0), changed(1)],
            "state": state(&alice).await,
            "has_more": false,
        })
    );
    assert!(number.as_i64().unwrap() > list[2]["version"].as_i64().unwrap());
    // Also under the caller's id, and with a slash at the end.
    let path = format!("/api/alice/tasks/changes/?since={begin}");
    assert_eq!(alice.get(200, &path).await.json(), feed);
    assert_eq!(since(&alice, state(&alice).await).await["changes"], json!([]));
    let head = Answer::expect(200, alice.request(Method::HEAD, &path)).await;
    assert_eq!(head.text, "");
}

#[on_both_databases]
async fn a_page_has_at_most_limit_changes_and_the_next_one_goes_on(app: TestApp) {
    let alice = app.user("alice");
    alice.create("first").await;
    let begin = state(&alice).await;
    for _ in 0..5 {
        alice.create("t").await;
    }
    let (mut next, mut pages) = (begin, Vec::new());
    loop {
        let page = alice.get(200, &format!("/api/tasks/changes?limit=2&since={next}")).await.json();
        pages.push(page["changes"].as_array().unwrap().len());
        next = page["state"].as_i64().unwrap();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((pages, next), (vec![2, 2, 1], state(&alice).await));
    // The memory of a large page is taken before it is read.
    let whole = alice.get(200, &format!("/api/tasks/changes?limit=1000&since={begin}")).await.json();
    assert_eq!(whole["changes"].as_array().unwrap().len(), 5);
}

#[on_both_databases]
async fn a_state_whose_changes_are_not_known_is_410_resync(app: TestApp) {
    let alice = app.user("alice");
    // Before the first write, 0 is the current state.
    assert_eq!(since(&alice, 0).await, json!({"changes": [], "state": 0, "has_more": false}));
    alice.create("t").await;
    let before = state(&alice).await;
    for unknown in [0, 1, before + 1, i64::MAX] {
        let answer = alice.get(410, &format!("/api/tasks/changes?since={unknown}")).await;
        assert_eq!(answer.code(), "resync");
        assert!(answer.detail().contains("load the whole list again"), "{}", answer.detail());
    }
    alice.delete(204, "/api/me").await;
    alice.get(410, &format!("/api/tasks/changes?since={before}")).await;
    alice.create("again").await;
    alice.get(410, &format!("/api/tasks/changes?since={before}")).await;
    let now = state(&alice).await;
    assert_eq!(since(&alice, now).await["state"], now);
}

#[on_both_databases]
async fn history_days_is_the_age_from_which_a_state_is_410(app: TestApp) {
    let app = app.with_settings(&[("HISTORY_DAYS", "2")]).await;
    let alice = app.user("alice");
    alice.create("t").await;
    let connection = app.database.connect().await;
    let begin = "UPDATE task_owner SET \"begin\" = 1";
    connection.execute_unprepared(begin).await.unwrap();
    let (now, hour) = (state(&alice).await, 3_600_000_000);
    assert_eq!(since(&alice, now - 47 * hour).await["changes"].as_array().unwrap().len(), 1);
    alice.get(410, &format!("/api/tasks/changes?since={}", now - 49 * hour)).await;
}

#[on_both_databases]
async fn since_is_required_and_parameters_are_judged(app: TestApp) {
    let alice = app.user("alice");
    for (query, field, detail) in [
        ("", "since", "since is required"),
        ("?since=", "since", "since must be an integer that is not negative"),
        ("?since=-1", "since", "since must be an integer that is not negative"),
        ("?since=1.5", "since", "since must be an integer that is not negative"),
        ("?since=9223372036854775808", "since", "since must be an integer that is not negative"),
        ("?since=0&since=0", "since", "since must come once"),
        ("?since=0&limit=0", "limit", "limit must be an integer from 1 to 1000"),
        ("?since=0&limit=1001", "limit", "limit must be an integer from 1 to 1000"),
    ] {
        let answer = alice.get(422, &format!("/api/tasks/changes{query}")).await;
        assert_eq!(
            answer.json()["errors"],
            json!([{"field": field, "code": answer.json()["errors"][0]["code"], "detail": detail}])
        );
    }
    let both = alice.get(422, "/api/tasks/changes?limit=x").await.json();
    assert_eq!((&both["errors"][0]["field"], &both["errors"][1]["field"]), (&json!("since"), &json!("limit")));
    alice.get(200, "/api/tasks/changes?since=0&unknown=1").await;
    let strict = alice.request(Method::GET, "/api/tasks/changes?since=0&unknown=1").header("prefer", "handling=strict");
    assert_eq!(Answer::expect(422, strict).await.code(), "unknown_parameter");
    // It is neither the id of a task, nor the list of a user named `tasks`.
    app.user("tasks").get(422, "/api/tasks/changes").await;
    app.user("tasks").get(404, "/api/tasks/changes/1").await;
}

#[on_both_databases]
async fn the_tasks_of_the_feed_have_the_other_names_for_completed(app: TestApp) {
    let app = app.with_settings(&[("TASK_ALIASES", "done")]).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let begin = state(&alice).await;
    alice.toggle(200, &path).await;
    assert_eq!(since(&alice, begin).await["changes"][0]["task"]["done"], true);
}
