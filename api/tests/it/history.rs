//! `GET /api/tasks/{id}/history`

use reqwest::Method;
use serde_json::{Value, json};
use testing::{ConnectionTrait, on_both_databases};

use crate::support::{Answer, TestApp, User};

/// Returns all pages of an answer with `Link`.
async fn pages(user: &User, first: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut path) = (Vec::new(), first.to_owned());
    loop {
        let page = user.get(200, &path).await;
        pages.push(page.json().as_array().unwrap().clone());
        if !page.has("link") {
            return pages;
        }
        page.header("link").strip_prefix('<').unwrap().split_once('>').unwrap().0.clone_into(&mut path);
    }
}

#[on_both_databases]
async fn the_history_of_a_task_has_the_fields_of_each_change_the_newest_first(app: TestApp) {
    let alice = app.user("alice");
    let path =
        alice.post(201, "/api/tasks", json!({"title": "one", "tags": ["a"]})).await.header("location").to_owned();
    let mut versions = vec![alice.get(200, &path).await.json()["version"].clone()];
    for body in [
        json!({"title": "two", "description": "d", "priority": "high"}),
        // The same values are a change too.
        json!({"title": "two"}),
        json!({"completed": true, "tags": ["b", "c"], "due_date": "2026-01-31"}),
        json!({"description": null, "due_date": null}),
    ] {
        alice.create("another").await;
        versions.push(alice.patch(200, &path, body).await.json()["version"].clone());
    }
    versions.push(Value::Null);
    alice.delete(204, &path).await;
    let restored = Answer::expect(200, alice.request(Method::POST, &format!("{path}/restore"))).await;
    versions.push(restored.json()["version"].clone());
    versions.push(alice.toggle(200, &path).await.json()["version"].clone());

    let history = alice.get(200, &format!("{path}/history")).await.json();
    versions[5] = history[2]["version"].clone();
    let expected = [
        ("changed", json!({"completed": {"from": true, "to": false}})),
        ("restored", json!({})),
        ("deleted", json!({})),
        ("changed", json!({"description": {"from": "d", "to": null}, "due_date": {"from": "2026-01-31", "to": null}})),
        (
            "changed",
            json!({
                "completed": {"from": false, "to": true}, "tags": {"from": ["a"], "to": ["b", "c"]},
                "due_date": {"from": null, "to": "2026-01-31"},
            }),
        ),
        ("changed", json!({})),
        (
            "changed",
            json!({
                "title": {"from": "one", "to": "two"}, "description": {"from": null, "to": "d"},
                "priority": {"from": "none", "to": "high"},
            }),
        ),
        ("created", json!({"title": {"from": null, "to": "one"}, "tags": {"from": null, "to": ["a"]}})),
    ];
    versions.reverse();
    let entry = |((kind, fields), version): (_, &Value)| json!({"version": version, "kind": kind, "actor": null, "fields": fields});
    let expected: Vec<Value> = expected.into_iter().zip(&versions).map(entry).collect();
    assert_eq!(history, json!(expected));
    assert!(versions[2].as_i64() > versions[3].as_i64() && versions[2].as_i64() < versions[1].as_i64());
    for limit in 1..9 {
        assert_eq!(pages(&alice, &format!("{path}/history?limit={limit}")).await.concat(), expected, "{limit}");
    }
    assert_eq!(
        alice.get(200, &format!("{}/history/?limit=1000", path.replace("/api/", "/api/alice/"))).await.json(),
        history
    );
    let head = Answer::expect(200, alice.request(Method::HEAD, &format!("{path}/history"))).await;
    assert_eq!((head.text.as_str(), head.has("etag")), ("", false));
}

#[on_both_databases]
async fn the_history_of_a_task_is_found_like_the_task(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let path = alice.create("t").await;
    assert_eq!(bob.get(403, &format!("{path}/history")).await.code(), "not_owner");
    assert_eq!(alice.get(404, "/api/tasks/999999/history").await.code(), "task_not_found");
    alice.get(200, &format!("{path}/history")).await;
    alice.delete(204, &path).await;
    alice.get(404, &format!("{path}/history")).await;
}

#[on_both_databases]
async fn a_cursor_of_a_history_is_valid_only_for_its_task_and_its_caller(app: TestApp) {
    let alice = app.user("alice");
    let [path, other] = [alice.create("t").await, alice.create("t").await];
    for path in [&path, &other] {
        alice.toggle(200, path).await;
    }
    let first = alice.get(200, &format!("{path}/history?limit=1")).await;
    let cursor = first.header("link").split_once("cursor=").unwrap().1.split_once('>').unwrap().0.to_owned();
    alice.get(200, &format!("{path}/history?cursor={cursor}")).await;
    for invalid in [format!("{other}/history?cursor={cursor}"), format!("/api/tasks/trash?cursor={cursor}")] {
        assert_eq!(alice.get(422, &invalid).await.code(), "invalid_cursor");
    }
}

#[on_both_databases]
async fn a_page_of_a_history_looks_at_5000_changes_and_can_be_empty(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    alice.patch(200, &path, json!({"title": "changed"})).await;
    let version = alice.get(200, &path).await.json()["version"].as_i64().unwrap();
    // Many changes of another task, between those of this one.
    let many = format!(
        "INSERT INTO task_change (user_id, at, task_id, kind)
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 5001)
        SELECT 'alice', {version} + n, 999999, 3 FROM number;
        UPDATE task_owner SET clock = {version} + 5001"
    );
    app.database.connect().await.execute_unprepared(&many).await.unwrap();
    alice.toggle(200, &path).await;
    let history = pages(&alice, &format!("{path}/history?limit=2")).await;
    assert_eq!(history.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(history[0][0]["fields"], json!({"completed": {"from": false, "to": true}}));
    assert_eq!(history[1][0]["fields"], json!({"title": {"from": "t", "to": "changed"}}));
    assert_eq!(history[1][1]["fields"], json!({"title": {"from": null, "to": "t"}}));
}

#[on_both_databases]
async fn changes_before_history_days_are_not_in_a_history(app: TestApp) {
    let app = app.with_settings(&[("HISTORY_DAYS", "2")]).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    alice.toggle(200, &path).await;
    let age = format!("UPDATE task_change SET at = at - {} WHERE kind = 1", 49 * 3_600_000_000_i64);
    app.database.connect().await.execute_unprepared(&age).await.unwrap();
    let history = alice.get(200, &format!("{path}/history")).await.json();
    assert_eq!((history.as_array().unwrap().len(), &history[0]["kind"]), (1, &json!("changed")));
}
