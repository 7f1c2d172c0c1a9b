//! Priority, tags, due date and the time of completion.

use chrono::{DateTime, TimeDelta, Utc};
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
        ("due_date", json!("2026-01-31T24:00")),
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
    let answer = alice.put(422, &path, json!({"due_date": "tomorrow"})).await;
    assert_eq!(answer.detail(), "Due date must be a day like 2026-01-31 or a time like 2026-01-31T10:00");
    assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([before]));
}

#[on_both_databases]
async fn a_due_date_without_an_offset_is_kept_as_it_was_sent(app: TestApp) {
    let alice = app.user("alice");
    let created = alice.post(201, "/api/tasks", json!({"title": "t", "due_date": "2030-01-31T10:00"})).await;
    assert_eq!(created.json()["due_date"], "2030-01-31T10:00");
    let path = created.header("location");
    for due in ["2030-01-31T10:00:30", "2030-01-31T10:00", "0001-01-01T00:00", "9999-12-31T23:59:59"] {
        assert_eq!(alice.put(200, path, json!({"due_date": due})).await.json()["due_date"], due);
        assert_eq!(alice.get(200, path).await.json()["due_date"], due);
        assert_eq!(alice.get(200, "/api/tasks?sort=due_date&limit=1").await.json()[0]["due_date"], due);
    }
}

#[on_both_databases]
async fn a_due_date_without_an_offset_is_sorted_as_in_utc_and_compared_in_the_time_zone_of_the_owner(app: TestApp) {
    let alice = app.user("alice");
    let (day, night, morning) = ("2030-01-30", "2030-01-31T00:30", "2030-01-31T10:00:30");
    let (utc, honolulu, next_day) = ("2030-01-31T10:00:00Z", "2030-01-31T10:00:00-10:00", "2030-01-31");
    for due in [next_day, morning, honolulu, utc, night, day] {
        alice.post(201, "/api/tasks", json!({"title": due, "due_date": due})).await;
    }
    for (query, expected) in [
        ("", vec![day, night, utc, morning, honolulu, next_day]),
        ("due_before=2030-01-31T10:00", vec![day, night]),
        ("due_after=2030-01-31T10:00", vec![morning, honolulu, next_day]),
        ("due_before=2030-01-31T10:00:00&tz=Pacific/Honolulu", vec![day, night, utc]),
        ("due_after=2030-01-31T10:00:00&tz=Pacific/Honolulu", vec![morning, next_day]),
        ("due_before=2030-01-31T10:00:00Z&tz=Pacific/Honolulu", vec![day]),
        ("due_after=2030-01-31T10:00:00Z&tz=Pacific/Honolulu", vec![night, morning, honolulu, next_day]),
        ("due_before=2030-01-31T10:00:00Z&tz=Asia/Kolkata", vec![day, night, morning]),
        ("due_after=2030-01-31T10:00:00Z&tz=Asia/Kolkata", vec![honolulu, next_day]),
        ("due_before=2030-01-31&tz=Asia/Kolkata", vec![day]),
        ("due_after=2030-01-30&tz=Pacific/Kiritimati", vec![night, utc, morning, honolulu, next_day]),
        ("due_before=2030-02-01&due_after=2030-01-31T00:30", vec![utc, morning, honolulu, next_day]),
    ] {
        assert_eq!(alice.titles(&format!("/api/tasks?sort=due_date&{query}")).await, expected, "{query}");
    }
}

#[on_both_databases]
async fn a_due_date_without_an_offset_is_overdue_and_today_by_the_clocks_of_the_time_zone(app: TestApp) {
    let alice = app.user("alice");
    let now = Utc::now();
    let text = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M").to_string();
    // The clocks are 14 hours ahead of UTC on Kiritimati, and 10 hours behind in Honolulu.
    let noon_on_kiritimati = (now + TimeDelta::hours(14)).format("%Y-%m-%dT12:00").to_string();
    for (title, due) in
        [("in 3 hours", text(now + TimeDelta::hours(3))), ("3 hours ago", text(now - TimeDelta::hours(3)))]
    {
        alice.post(201, "/api/tasks", json!({"title": title, "due_date": due})).await;
    }
    for (zone, overdue) in [
        ("UTC", vec!["3 hours ago"]),
        ("Pacific/Honolulu", vec![]),
        ("Pacific/Kiritimati", vec!["3 hours ago", "in 3 hours"]),
    ] {
        assert_eq!(alice.titles(&format!("/api/tasks?due=overdue&tz={zone}")).await, overdue, "{zone}");
        let summary = alice.get(200, &format!("/api/tasks/summary?tz={zone}")).await.json();
        assert_eq!(summary["overdue"], overdue.len(), "{zone}");
    }
    let bob = app.user("bob");
    bob.post(201, "/api/tasks", json!({"title": "noon", "due_date": noon_on_kiritimati})).await;
    for (zone, period, shown) in [
        ("Pacific/Kiritimati", "today", vec!["noon"]),
        ("Pacific/Kiritimati", "week", vec!["noon"]),
        // In Honolulu it is still the day before.
        ("Pacific/Honolulu", "today", vec![]),
        ("Pacific/Honolulu", "week", vec!["noon"]),
    ] {
        assert_eq!(bob.titles(&format!("/api/tasks?due={period}&tz={zone}")).await, shown, "{zone} {period}");
        let summary = bob.get(200, &format!("/api/tasks/summary?tz={zone}")).await.json();
        assert_eq!(summary["due_today"], usize::from(zone == "Pacific/Kiritimati"), "{zone}");
    }
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
