//! `POST /api/tasks`

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::TestApp;

#[on_both_databases]
async fn a_new_task_has_exactly_the_contracts_fields(app: TestApp) {
    let answer = app.user("alice").post(201, "/api/tasks", json!({"title": "Buy milk"})).await;
    let task = answer.json();
    let mut fields: Vec<_> = task.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "completed",
            "completed_at",
            "created_at",
            "description",
            "due_date",
            "id",
            "priority",
            "tags",
            "title",
            "updated_at",
            "version"
        ]
    );
    assert_eq!(task["title"], "Buy milk");
    assert_eq!(task["description"], Value::Null);
    assert_eq!(task["completed"], false);
    assert_eq!(task["created_at"], task["updated_at"]);
    assert_eq!(answer.header("location"), format!("/api/tasks/{}", task["id"]));
}

#[on_both_databases]
async fn times_are_rfc_3339_in_utc_with_z_and_microseconds(app: TestApp) {
    let before = Utc::now();
    let task = app.user("alice").post(201, "/api/tasks", json!({"title": "t"})).await.json();
    let text = task["created_at"].as_str().unwrap();
    assert!(text.len() == "2026-01-31T09:30:00.000000Z".len() && text.ends_with('Z'), "{text}");
    let time: DateTime<Utc> = text.parse().unwrap();
    assert!((before - chrono::TimeDelta::milliseconds(1)..=Utc::now()).contains(&time), "{text}");
}

#[on_both_databases]
async fn ids_rise(app: TestApp) {
    let alice = app.user("alice");
    let mut last = 0;
    for _ in 0..5 {
        let task = alice.post(201, "/api/tasks", json!({"title": "t"})).await.json();
        assert!(task["id"].as_i64().unwrap() > last);
        last = task["id"].as_i64().unwrap();
    }
}

#[on_both_databases]
async fn a_title_has_1_to_200_characters_and_is_not_blank(app: TestApp) {
    let alice = app.user("alice");
    alice.post(201, "/api/tasks", json!({"title": "🦀".repeat(200)})).await;
    let long = alice.post(422, "/api/tasks", json!({"title": "🦀".repeat(201)})).await;
    assert_eq!(long.detail(), "title must be at most 200 characters long");
    for blank in ["", " ", "\t\n", "\u{3000}"] {
        assert_eq!(alice.post(422, "/api/tasks", json!({"title": blank})).await.detail(), "title must not be blank");
    }
}

#[on_both_databases]
async fn a_title_is_required_and_a_string(app: TestApp) {
    let alice = app.user("alice");
    assert_eq!(alice.post(422, "/api/tasks", json!({})).await.detail(), "title is required");
    for wrong in [json!(null), json!(5), json!(true), json!(["a"]), json!({"a": 1})] {
        let answer = alice.post(422, "/api/tasks", json!({"title": wrong})).await;
        assert_eq!((answer.code().as_str(), answer.detail().as_str()), ("invalid_field", "title must be a string"));
    }
}

#[on_both_databases]
async fn a_description_has_at_most_1000_characters(app: TestApp) {
    let alice = app.user("alice");
    let kept = alice.post(201, "/api/tasks", json!({"title": "t", "description": "é".repeat(1000)})).await;
    assert_eq!(kept.json()["description"], "é".repeat(1000));
    let long = alice.post(422, "/api/tasks", json!({"title": "t", "description": "é".repeat(1001)})).await;
    assert_eq!(long.detail(), "description must be at most 1000 characters long");
    assert_eq!(alice.post(201, "/api/tasks", json!({"title": "t", "description": ""})).await.json()["description"], "");
    assert_eq!(
        alice.post(201, "/api/tasks", json!({"title": "t", "description": null})).await.json()["description"],
        Value::Null
    );
    let wrong = alice.post(422, "/api/tasks", json!({"title": "t", "description": 1})).await;
    assert_eq!(wrong.detail(), "description must be a string");
}

#[on_both_databases]
async fn u_0000_is_422_in_every_text(app: TestApp) {
    let alice = app.user("alice");
    let title = alice.post(422, "/api/tasks", json!({"title": "a\0b"})).await;
    assert_eq!(title.detail(), "title must not contain the character U+0000");
    let description = alice.post(422, "/api/tasks", json!({"title": "t", "description": "\0"})).await;
    assert_eq!(description.detail(), "description must not contain the character U+0000");
    assert_eq!(alice.titles("/api/tasks").await, [""; 0]);
}

#[on_both_databases]
async fn unknown_fields_are_ignored_ids_and_owners_among_them(app: TestApp) {
    let alice = app.user("alice");
    let task = alice
        .post(
            201,
            "/api/tasks",
            json!({
                "title": "t", "id": 999, "user_id": "bob", "completed": true,
                "created_at": "2000-01-01T00:00:00Z", "updated_at": "x", "importance": {"deep": [1, {"er": null}]}
            }),
        )
        .await
        .json();
    assert_ne!(task["id"], 999);
    assert_eq!(task["completed"], false);
    assert!(task["created_at"].as_str().unwrap() > "2026");
    assert_eq!(app.user("bob").titles("/api/tasks").await, [""; 0]);
}

#[on_both_databases]
async fn text_comes_back_exactly_as_it_was_sent(app: TestApp) {
    let alice = app.user("alice");
    for text in [
        "  spaces  ",
        "e\u{301} é",
        "<script>&amp;",
        "'; DROP TABLE task; --",
        "\u{feff}bom",
        "a\r\nb\tc",
        "\\u0041 \"q\"",
        "👩‍👩‍👧‍👦 \u{10ffff}",
        "$1 ? :x %s {}",
    ] {
        let path = alice
            .post(201, "/api/tasks", json!({"title": text, "description": text}))
            .await
            .header("location")
            .to_owned();
        let task = alice.get(200, &path).await.json();
        assert_eq!((&task["title"], &task["description"]), (&json!(text), &json!(text)));
    }
}
