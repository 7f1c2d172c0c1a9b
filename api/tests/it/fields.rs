//! Priority, tags, due date and the time of completion.

use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::TestApp;

#[on_both_databases]
async fn a_task_without_optional_fields_has_the_defaults(app: TestApp) {
    let task = app.user("alice").post(201, "/api/tasks", json!({"title": "t"})).await.json();
    assert_eq!(
        [&task["priority"], &task["tags"], &task["due_date"], &task["completed_at"]],
        [&json!("none"), &json!([]), &Value::Null, &Value::Null]
    );
}

#[on_both_databases]
async fn optional_fields_are_kept_as_they_were_sent(app: TestApp) {
    let alice = app.user("alice");
    let fields =
        json!({"title": "t", "priority": "high", "tags": ["Work", "ünï\"c\\ode", "a, b"], "due_date": "2026-01-31"});
    let path = alice.post(201, "/api/tasks", fields.clone()).await.header("location").to_owned();
    let task = alice.get(200, &path).await.json();
    for field in ["priority", "tags", "due_date"] {
        assert_eq!(task[field], fields[field]);
    }
    for due in
        ["2026-01-31T09:30:00Z", "2026-01-31T09:30:00.123456789+05:30", "0001-01-01", "9999-12-31T23:59:59-12:00"]
    {
        assert_eq!(alice.put(200, &path, json!({"due_date": due})).await.json()["due_date"], due);
        assert_eq!(alice.get(200, &path).await.json()["due_date"], due);
    }
}

#[on_both_databases]
async fn an_update_changes_the_fields_that_are_sent_and_null_clears_them(app: TestApp) {
    let alice = app.user("alice");
    let fields = json!({"title": "t", "priority": "low", "tags": ["a"], "due_date": "2026-01-31"});
    let path = alice.post(201, "/api/tasks", fields).await.header("location").to_owned();
    let shown = |task: &Value| json!([task["priority"], task["tags"], task["due_date"]]);
    let task = alice.put(200, &path, json!({"priority": "medium"})).await.json();
    assert_eq!(shown(&task), json!(["medium", ["a"], "2026-01-31"]));
    let task = alice.patch(200, &path, json!({"tags": ["b", "a"]})).await.json();
    assert_eq!(shown(&task), json!(["medium", ["b", "a"], "2026-01-31"]));
    let task = alice.put(200, &path, json!({"title": "u"})).await.json();
    assert_eq!(shown(&task), json!(["medium", ["b", "a"], "2026-01-31"]));
    let task = alice.put(200, &path, json!({"priority": null, "tags": null, "due_date": null})).await.json();
    assert_eq!(shown(&task), json!(["none", [], null]));
    alice.put(200, &path, json!({"due_date": "2026-01-31"})).await;
    assert_eq!(alice.put(200, &path, json!({"due_date": ""})).await.json()["due_date"], Value::Null);
}

#[on_both_databases]
async fn an_invalid_value_is_422_and_named_and_nothing_is_written(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let before = alice.get(200, &path).await.json();
    let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    for (field, value) in [
        ("priority", json!("important")),
        ("priority", json!(1)),
        ("tags", json!(5)),
        ("tags", json!({})),
        ("tags", json!([1])),
        ("tags", json!([""])),
        ("tags", json!(["\u{0}"])),
        ("tags", json!(["a\nb"])),
        ("tags", json!(["x".repeat(51)])),
        ("tags", json!(many)),
        ("tags", json!(["Work", "work"])),
        ("tags", json!(["STRASSE", "Straße"])),
        ("due_date", json!("tomorrow")),
        ("due_date", json!("2026-02-30")),
        ("due_date", json!("2026-01-31T09")),
        ("due_date", json!("2026-01-31T09:30:00.5")),
        ("due_date", json!(1_769_851_800)),
    ] {
        for answer in [
            alice.post(422, "/api/tasks", json!({"title": "t", field: value})).await,
            alice.put(422, &path, json!({field: value})).await,
        ] {
            assert_eq!(answer.code(), "invalid_field");
            // Only a text has the sentence for people.
            let named = if field == "due_date" && value.is_string() { "Due date" } else { field };
            assert!(answer.detail().starts_with(named), "{}", answer.detail());
        }
    }
    assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([before]));
}

#[on_both_databases]
async fn completed_at_is_the_time_of_completion(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let done = alice.toggle(200, &path).await.json();
    assert_eq!(done["completed_at"], done["updated_at"]);
    // It stays if the task is written, or completed again.
    assert_eq!(alice.put(200, &path, json!({"title": "u"})).await.json()["completed_at"], done["completed_at"]);
    assert_eq!(alice.put(200, &path, json!({"completed": true})).await.json()["completed_at"], done["completed_at"]);
    assert_eq!(alice.put(200, &path, json!({"completed": false})).await.json()["completed_at"], Value::Null);
    assert_ne!(
        alice.patch(200, &format!("{path}/complete"), json!({"completed": true})).await.json()["completed_at"],
        Value::Null
    );
    assert_eq!(alice.toggle(200, &path).await.json()["completed_at"], Value::Null);
    // It is read only: a value in a request is ignored.
    assert_eq!(
        alice.put(200, &path, json!({"completed_at": "2026-01-31T09:30:00Z"})).await.json()["completed_at"],
        Value::Null
    );
}

#[on_both_databases]
async fn search_and_sort_follow_a_changed_text(app: TestApp) {
    let alice = app.user("alice");
    let path = alice
        .post(201, "/api/tasks", json!({"title": "Crème", "description": "Brûlée", "tags": ["Dessert"]}))
        .await
        .header("location")
        .to_owned();
    alice.put(200, &path, json!({"title": "Soup", "tags": ["Starter"]})).await;
    assert_eq!(alice.titles("/api/tasks?search=creme").await, [""; 0]);
    assert_eq!(alice.titles("/api/tasks?search=sOUp").await, ["Soup"]);
    assert_eq!(alice.titles("/api/tasks?search=brulee").await, ["Soup"]);
    assert_eq!(alice.titles("/api/tasks?tag=dessert").await, [""; 0]);
    assert_eq!(alice.titles("/api/tasks?tag=STARTER").await, ["Soup"]);
    alice.put(200, &path, json!({"description": null})).await;
    assert_eq!(alice.titles("/api/tasks?search=brulee").await, [""; 0]);
}
