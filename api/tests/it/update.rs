//! `PUT` and `PATCH /api/tasks/{id}`

use reqwest::Method;
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

/// Both methods do the same, so each test uses both.
const METHODS: [Method; 2] = [Method::PUT, Method::PATCH];

async fn update(user: &User, status: u16, method: &Method, path: &str, body: Value) -> Answer {
    Answer::expect(status, user.request(method.clone(), path).json(&body)).await
}

#[on_both_databases]
async fn an_absent_field_is_kept(app: TestApp) {
    let alice = app.user("alice");
    for method in METHODS {
        let path = alice
            .post(201, "/api/tasks", json!({"title": "t", "description": "d"}))
            .await
            .header("location")
            .to_owned();
        let task = update(&alice, 200, &method, &path, json!({"title": "new"})).await.json();
        assert_eq!(
            (&task["title"], &task["description"], &task["completed"]),
            (&json!("new"), &json!("d"), &json!(false))
        );
        let task = update(&alice, 200, &method, &path, json!({"completed": true})).await.json();
        assert_eq!(
            (&task["title"], &task["description"], &task["completed"]),
            (&json!("new"), &json!("d"), &json!(true))
        );
        assert_eq!(alice.get(200, &path).await.json(), task);
    }
}

#[on_both_databases]
async fn a_null_description_clears_it_and_a_null_title_is_422(app: TestApp) {
    let alice = app.user("alice");
    for method in METHODS {
        let path = alice
            .post(201, "/api/tasks", json!({"title": "t", "description": "d"}))
            .await
            .header("location")
            .to_owned();
        let task = update(&alice, 200, &method, &path, json!({"description": null})).await.json();
        assert_eq!(task["description"], Value::Null);
        let answer = update(&alice, 422, &method, &path, json!({"title": null})).await;
        assert_eq!(answer.detail(), "title must be a string");
        update(&alice, 422, &method, &path, json!({"completed": null})).await;
    }
}

#[on_both_databases]
async fn an_update_without_changes_writes_nothing_and_is_200(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let before = alice.get(200, &path).await.json();
    for method in METHODS {
        assert_eq!(update(&alice, 200, &method, &path, json!({})).await.json(), before);
        assert_eq!(update(&alice, 200, &method, &path, json!({"unknown": 1, "id": 5})).await.json(), before);
    }
    alice.put(404, "/api/tasks/999", json!({})).await;
    app.user("bob").put(403, &path, json!({})).await;
}

#[on_both_databases]
async fn updated_at_changes_with_every_write_and_created_at_never(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let mut last = alice.get(200, &path).await.json();
    for method in METHODS {
        for body in [json!({"title": "t"}), json!({"description": null}), json!({"completed": false})] {
            let task = update(&alice, 200, &method, &path, body).await.json();
            assert!(task["updated_at"].as_str() > last["updated_at"].as_str(), "{task} after {last}");
            assert_eq!(task["created_at"], last["created_at"]);
            last = task;
        }
    }
}

#[on_both_databases]
async fn updated_at_increases_even_if_the_clock_has_gone_back(app: TestApp) {
    use testing::ConnectionTrait;

    let alice = app.user("alice");
    let path = alice.create("t").await;
    let from_the_future = "UPDATE task_owner SET clock = 32472144000000000";
    app.database.connect().await.execute_unprepared(from_the_future).await.unwrap();
    let toggled = alice.toggle(200, &path).await.json()["updated_at"].as_str().unwrap().to_owned();
    assert!(
        toggled.starts_with("2999-01-01T00:00:00.00") && toggled.as_str() > "2999-01-01T00:00:00.000000Z",
        "{toggled}"
    );
    assert!(alice.toggle(200, &path).await.json()["updated_at"].as_str().unwrap() > toggled.as_str());
}

#[on_both_databases]
async fn every_field_is_checked_as_at_creation(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    for method in METHODS {
        for (body, detail) in [
            (json!({"title": " "}), "title must not be blank"),
            (json!({"title": "x".repeat(201)}), "title must be at most 200 characters long"),
            (json!({"title": "\0x"}), "title must not contain the character U+0000"),
            (json!({"title": 1}), "title must be a string"),
            (json!({"description": "x".repeat(1001)}), "description must be at most 1000 characters long"),
            (json!({"description": []}), "description must be a string"),
            (json!({"completed": "yes"}), "completed must be a boolean"),
            (json!({"completed": 1}), "completed must be a boolean"),
        ] {
            assert_eq!(update(&alice, 422, &method, &path, body).await.detail(), detail);
        }
    }
    assert_eq!(alice.get(200, &path).await.json()["title"], "t");
}

#[on_both_databases]
async fn patch_accepts_merge_patches(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let request = alice.request(Method::PATCH, &path).header("content-type", "application/merge-patch+json");
    let task = Answer::expect(200, request.body(r#"{"description":"d"}"#)).await.json();
    assert_eq!(task["description"], "d");
}

#[on_both_databases]
async fn the_body_is_checked_before_the_task_is_looked_up(app: TestApp) {
    app.user("alice").put(422, "/api/tasks/999", json!({"title": ""})).await;
    app.user("alice").put(422, "/api/tasks/0", json!({"title": 5})).await;
}
