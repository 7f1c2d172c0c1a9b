//! Recurring tasks and reminders over HTTP. What an edit does to a series is tested in `service/tests/recurrence.rs`, and the dates of
//! rules in `service/src/recurrence`.

use reqwest::Method;
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::agent::{Agent, Revision};
use crate::support::{Answer, TestApp, User};

/// The fields that a plain task does not have.
const FIELDS: [&str; 8] =
    ["recurrence", "time_zone", "recurrence_from", "missed", "series_id", "occurrence", "reminders", "next_id"];

/// A weekly task, due on Monday, 5 January 2099, and on the Mondays after it.
fn weekly() -> Value {
    json!({"title": "plants", "due_date": "2099-01-05", "recurrence": "weekly", "time_zone": "europe/berlin"})
}

fn with(mut body: Value, changes: &Value) -> Value {
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

fn path(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"])
}

async fn create(user: &User, body: Value) -> Value {
    user.post(201, "/api/tasks", body).await.json()
}

/// Completes a task. Returns it and the next occurrence.
async fn complete(user: &User, task: &Value) -> (Value, Value) {
    let done = user.toggle(200, &path(task)).await.json();
    let next = user.get(200, &format!("/api/tasks/{}", done["next_id"])).await.json();
    (done, next)
}

async fn list(user: &User) -> Vec<Value> {
    user.get(200, "/api/tasks").await.json().as_array().unwrap().clone()
}

/// The names of the fields of a 422, with their codes.
fn mistakes(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
}

#[on_both_databases]
async fn a_recurring_task_shows_its_rule_with_the_defaults_wherever_a_task_is_shown(app: TestApp) {
    let alice = app.user("alice");
    let first = alice.create("first").await;
    alice.delete(204, &first).await;
    let state = alice.get(200, "/api/tasks").await.header("etag").trim_matches('"').to_owned();
    let created = alice.post(201, "/api/tasks", with(weekly(), &json!({"reminders": [{"before": "PT15M"}]}))).await;
    let task = created.json();
    let expected = json!({
        "recurrence": "FREQ=WEEKLY", "time_zone": "Europe/Berlin", "recurrence_from": "due", "missed": "skip",
        "series_id": task["version"], "occurrence": "2099-01-05", "reminders": [{"before": "PT15M"}]
    });
    let shown = |task: &Value| {
        let fields = FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), task.get(*name)?.clone())));
        Value::Object(fields.collect())
    };
    assert_eq!(shown(&task), expected);
    assert_eq!(alice.get(200, &path(&task)).await.json(), task);
    assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([task]));
    assert_eq!(alice.get(200, "/api/tasks?limit=1").await.json(), json!([task]));
    let feed = alice.get(200, &format!("/api/tasks/changes?since={state}")).await.json();
    assert_eq!(feed["changes"][0]["task"], task);
    assert_eq!(alice.get(200, "/api/me/export").await.json()["tasks"], json!([task]));
    let history = alice.get(200, &format!("{}/history", path(&task))).await.json();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(history[0]["fields"][name], json!({"from": null, "to": value}), "{name}");
    }
    let stale = alice.request(Method::PATCH, &path(&task)).header("if-match", "\"1\"").json(&json!({"missed": "keep"}));
    assert_eq!(Answer::expect(412, stale).await.json()["current"], task);

    alice.delete(204, &format!("{}?series=true", path(&task))).await;
    assert_eq!(shown(&alice.get(200, "/api/tasks/trash").await.json()[0]), expected);
    let export = alice.get(200, "/api/me/export").await.json();
    assert_eq!((&export["tasks"], shown(&export["trash"][0])), (&json!([]), expected.clone()));
    let restored = alice.post(200, &format!("{}/restore", path(&task)), json!({})).await.json();
    assert_eq!(shown(&restored), expected);
}

#[on_both_databases]
async fn the_answer_of_a_plain_task_has_not_changed_by_a_byte(app: TestApp) {
    let alice = app.user("alice");
    for body in [
        json!({"title": "t"}),
        json!({"title": "t", "recurrence": null, "time_zone": "Europe/Berlin", "missed": "keep", "reminders": []}),
    ] {
        let answer = alice.post(201, "/api/tasks", body).await;
        let task = answer.json();
        let (id, created, version) = (&task["id"], task["created_at"].as_str().unwrap(), &task["version"]);
        let expected = format!(
            r#"{{"id":{id},"title":"t","description":null,"completed":false,"created_at":"{created}","updated_at":"{created}","priority":"none","tags":[],"due_date":null,"completed_at":null,"version":{version}}}"#
        );
        assert_eq!(answer.text, expected);
        assert_eq!(alice.get(200, &path(&task)).await.text, expected);
        alice.delete(204, &path(&task)).await;
    }
}

#[on_both_databases]
async fn a_completion_creates_the_next_occurrence_and_taking_it_back_deletes_that(app: TestApp) {
    let alice = app.user("alice");
    let texts = json!({"description": "all", "priority": "high", "tags": ["home"], "reminders": [
        {"at": "2099-01-01T09:00:00+01:00"}, {"before": "P1D"}
    ]});
    let task = create(&alice, with(weekly(), &texts)).await;
    let (done, next) = complete(&alice, &task).await;
    assert_eq!((&done["completed"], &done["occurrence"]), (&json!(true), &json!("2099-01-05")));
    let expected = with(
        task.clone(),
        &json!({
            "id": next["id"], "due_date": "2099-01-12", "occurrence": "2099-01-12", "reminders": [{"before": "P1D"}],
            "created_at": next["created_at"], "updated_at": next["updated_at"], "version": next["version"]
        }),
    );
    assert_eq!(next, expected);
    assert_eq!(list(&alice).await, [next.clone(), done.clone()]);

    let open = alice.toggle(200, &path(&done)).await.json();
    assert_eq!((&open["completed"], open.get("next_id")), (&json!(false), None));
    alice.get(404, &path(&next)).await;
    // A next occurrence that was changed stays.
    let (_, next) = complete(&alice, &open).await;
    alice.patch(200, &path(&next), json!({"title": "cactus"})).await;
    alice.patch(200, &path(&open), json!({"completed": false})).await;
    assert_eq!(alice.titles("/api/tasks?status=pending").await, ["cactus", "plants"]);
    let again = alice.toggle(200, &path(&open)).await.json();
    assert_eq!((&again["completed"], list(&alice).await.len()), (&json!(true), 2));
}

#[on_both_databases]
async fn a_rule_that_is_changed_or_ended_on_a_completed_occurrence_is_so_for_the_open_one_too(app: TestApp) {
    let alice = app.user("alice");
    let (first, next) = complete(&alice, &create(&alice, weekly()).await).await;
    let state = alice.get(200, "/api/tasks").await.header("etag").trim_matches('"').to_owned();
    let changed = alice.put(200, &path(&first), json!({"recurrence": "daily", "missed": "keep"})).await.json();
    assert_eq!((&changed["id"], &changed["recurrence"]), (&first["id"], &json!("FREQ=DAILY")));
    let open = alice.get(200, &path(&next)).await.json();
    assert_eq!((&open["recurrence"], &open["missed"]), (&json!("FREQ=DAILY"), &json!("keep")));
    assert_eq!((&open["due_date"], &open["occurrence"]), (&next["due_date"], &next["occurrence"]));
    assert_ne!(open["version"], next["version"]);
    let feed = alice.get(200, &format!("/api/tasks/changes?since={state}")).await.json();
    let tasks: Vec<&Value> = feed["changes"].as_array().unwrap().iter().map(|change| &change["task"]).collect();
    assert_eq!(tasks, [&changed, &open]);

    let until = json!({"recurrence": "FREQ=DAILY;UNTIL=20990105"});
    assert_eq!(mistakes(&alice.put(422, &path(&first), until).await)[0].0, "recurrence");
    assert_eq!(list(&alice).await, [open.clone(), changed]);

    let ended = alice.put(200, &path(&first), json!({"recurrence": null})).await.json();
    let open = alice.get(200, &path(&next)).await.json();
    assert_eq!([ended.get("recurrence"), open.get("recurrence")], [None, None]);
    let done = alice.toggle(200, &path(&open)).await.json();
    assert_eq!(list(&alice).await, [done, ended]);
}

#[on_both_databases]
async fn an_occurrence_that_is_completed_again_names_the_next_one_that_was_changed(app: TestApp) {
    let alice = app.user("alice");
    let (first, next) = complete(&alice, &create(&alice, weekly()).await).await;
    alice.put(200, &path(&next), json!({"title": "all plants"})).await;
    let open = alice.toggle(200, &path(&first)).await.json();
    assert_eq!((&open["completed"], open.get("next_id")), (&json!(false), None));
    assert_eq!(alice.toggle(200, &path(&first)).await.json()["next_id"], next["id"]);
    assert_eq!(list(&alice).await.len(), 2);
}

#[on_both_databases]
async fn a_deletion_skips_an_occurrence_or_ends_the_series(app: TestApp) {
    let alice = app.user("alice");
    let (done, next) = complete(&alice, &create(&alice, weekly()).await).await;
    alice.delete(204, &path(&next)).await;
    let tasks = list(&alice).await;
    assert_eq!((&tasks[0]["occurrence"], &tasks[1]), (&json!("2099-01-19"), &done));

    let request = alice.request(Method::DELETE, &format!("{}?series=true", path(&tasks[0])));
    let deleted = Answer::expect(200, request.header("prefer", "return=representation")).await;
    assert_eq!(deleted.json(), tasks[0]);
    assert_eq!(list(&alice).await, [done]);
    // The occurrence that was skipped was not created once more, so it can come back.
    let restored = alice.post(200, &format!("{}/restore", path(&next)), json!({})).await.json();
    assert_eq!(restored["occurrence"], next["occurrence"]);

    let plain = alice.create("plain").await;
    alice.delete(204, &format!("{plain}?series=true")).await;
    alice.get(404, &plain).await;
    for series in ["yes", "1", ""] {
        let answer = alice.delete(422, &format!("{}?series={series}", path(&restored))).await;
        assert!(answer.detail().starts_with("series must be "), "{}", answer.detail());
    }
}

#[on_both_databases]
async fn an_occurrence_of_the_trash_is_not_restored_if_there_is_another_task_for_it(app: TestApp) {
    let alice = app.user("alice");
    let task = create(&alice, weekly()).await;
    let (done, next) = complete(&alice, &task).await;
    alice.toggle(200, &path(&done)).await;
    let (_, other) = complete(&alice, &task).await;
    assert_eq!((&other["occurrence"], other["id"] == next["id"]), (&next["occurrence"], false));
    let before = list(&alice).await;
    let restore = format!("{}/restore", path(&next));
    let answer = Answer::expect(409, alice.request(Method::POST, &restore)).await;
    assert_eq!(answer.code(), "occurrence_exists");
    assert_eq!(list(&alice).await, before);
    alice.delete(204, &format!("{}?series=true", path(&other))).await;
    Answer::expect(200, alice.request(Method::POST, &restore)).await;
}

#[on_both_databases]
async fn single_fields_are_changed_and_the_others_kept(app: TestApp) {
    let alice = app.user("alice");
    let task = create(&alice, with(weekly(), &json!({"reminders": [{"before": "PT1H"}]}))).await;
    let address = path(&task);
    let patch = |body: Value| alice.patch(200, &address, body);
    let get = |task: &Value, names: &[&str]| -> Vec<Value> { names.iter().map(|name| task[*name].clone()).collect() };

    let all = ["recurrence", "time_zone", "recurrence_from", "missed", "due_date", "occurrence", "reminders"];
    let mut expected = get(&task, &all);
    for (place, name, value) in [
        (0, "recurrence", json!("FREQ=DAILY;COUNT=3")),
        (1, "time_zone", json!("Asia/Kathmandu")),
        (2, "recurrence_from", json!("completion")),
        (3, "missed", json!("keep")),
        (6, "reminders", json!([{"at": "2099-01-05T08:00:00Z"}, {"before": "P2W"}])),
    ] {
        let changed = patch(json!({name: value})).await.json();
        expected[place] = value;
        assert_eq!(get(&changed, &all), expected, "{name}");
    }
    let moved = patch(json!({"due_date": "2099-01-07T10:00"})).await.json();
    (expected[4], expected[5]) = (json!("2099-01-07T10:00"), json!("2099-01-07T10:00:00"));
    assert_eq!(get(&moved, &all), expected);
    let defaults = patch(json!({"recurrence_from": null, "missed": null, "title": "x"})).await.json();
    (expected[2], expected[3]) = (json!("due"), json!("skip"));
    assert_eq!(get(&defaults, &all), expected);

    let without = patch(json!({"reminders": null})).await.json();
    assert_eq!((without.get("reminders"), &without["recurrence"]), (None, &json!("FREQ=DAILY;COUNT=3")));
    let ended = alice.put(200, &path(&task), json!({"recurrence": null})).await.json();
    for name in ["recurrence", "time_zone", "recurrence_from", "missed"] {
        assert_eq!(ended.get(name), None, "{name}");
    }
    assert_eq!((&ended["series_id"], &ended["due_date"]), (&task["series_id"], &json!("2099-01-07T10:00")));
    alice.toggle(200, &path(&task)).await;
    assert_eq!(list(&alice).await.len(), 1);
    // What was read can be sent back.
    let other = create(&alice, with(weekly(), &json!({"recurrence": "FREQ=DAILY;COUNT=3"}))).await;
    let (_, next) = complete(&alice, &other).await;
    let same = alice.put(200, &path(&next), next.clone()).await.json();
    assert_eq!(get(&same, &FIELDS), get(&next, &FIELDS));
    let (_, last) = complete(&alice, &same).await;
    let done = alice.toggle(200, &path(&last)).await.json();
    assert_eq!((&done["occurrence"], done.get("next_id")), (&json!("2099-01-07"), None), "COUNT ends the series");
}

#[on_both_databases]
async fn a_plain_task_becomes_a_recurring_one_and_a_reminder_needs_no_rule(app: TestApp) {
    let alice = app.user("alice");
    let plain = create(&alice, json!({"title": "t", "due_date": "2099-01-31"})).await;
    let rule = json!({"recurrence": "Monthly", "time_zone": "UTC"});
    let monthly = alice.patch(200, &path(&plain), rule).await.json();
    assert_eq!(monthly["recurrence"], "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1");
    let (_, next) = complete(&alice, &monthly).await;
    assert_eq!(next["due_date"], "2099-02-28");

    let reminded = create(&alice, json!({"title": "t", "reminders": [{"at": "2099-01-31T09:00:00+01:00"}]})).await;
    assert_eq!(FIELDS.map(|name| reminded.get(name).is_some()).iter().filter(|is_shown| **is_shown).count(), 1);
    assert_eq!(reminded["reminders"], json!([{"at": "2099-01-31T09:00:00+01:00"}]));
    let done = alice.toggle(200, &path(&reminded)).await.json();
    assert_eq!((&done["reminders"], done.get("next_id")), (&reminded["reminders"], None));
}

#[on_both_databases]
async fn each_mistake_is_422_with_the_name_of_its_field_and_changes_nothing(app: TestApp) {
    let alice = app.user("alice");
    let plain = create(&alice, json!({"title": "plain"})).await;
    let dated = create(&alice, json!({"title": "dated", "due_date": "2099-01-31"})).await;
    let recurring = create(&alice, with(weekly(), &json!({"reminders": [{"before": "PT1H"}]}))).await;
    let before = list(&alice).await;
    let many: Vec<Value> = (0..6).map(|hour| json!({"before": format!("PT{hour}H")})).collect();
    for (task, body, field, code) in [
        (&plain, json!({"title": "x", "recurrence": "FREQ=DAILY", "time_zone": "UTC"}), "recurrence", "invalid"),
        (&dated, json!({"title": "x", "recurrence": "FREQ=DAILY"}), "time_zone", "required"),
        (&dated, json!({"recurrence": "freq=hourly", "time_zone": "UTC"}), "recurrence", "invalid"),
        (&dated, json!({"recurrence": "RRULE:daily", "time_zone": "UTC"}), "recurrence", "invalid"),
        (&dated, json!({"title": "x", "reminders": [{"before": "PT1H"}]}), "time_zone", "required"),
        (&plain, json!({"reminders": [{"before": "PT1H"}], "time_zone": "UTC"}), "reminders", "invalid"),
        (&recurring, json!({"title": "x", "recurrence": "FREQ=DAILY;INTERVAL=0"}), "recurrence", "invalid"),
        (
            &recurring,
            json!({"recurrence": format!("FREQ=DAILY;BYMONTH={}", "1,".repeat(300))}),
            "recurrence",
            "too_long",
        ),
        (&recurring, json!({"title": "x", "due_date": null}), "due_date", "invalid"),
        (&recurring, json!({"time_zone": null}), "time_zone", "required"),
        (&recurring, json!({"time_zone": "Mars"}), "time_zone", "invalid"),
        (&recurring, json!({"time_zone": 1}), "time_zone", "wrong_type"),
        (&recurring, json!({"recurrence_from": "start"}), "recurrence_from", "invalid"),
        (&recurring, json!({"missed": "always"}), "missed", "invalid"),
        (&recurring, json!({"title": "x", "reminders": many}), "reminders", "too_many"),
        (&recurring, json!({"reminders": {"before": "PT1H"}}), "reminders", "wrong_type"),
        (&recurring, json!({"reminders": ["PT1H"]}), "reminders", "invalid"),
        (&recurring, json!({"reminders": [{}]}), "reminders", "invalid"),
        (&recurring, json!({"reminders": [{"before": "P29D"}]}), "reminders", "invalid"),
        (&recurring, json!({"reminders": [{"at": "2099-01-31T09:00"}]}), "reminders", "invalid"),
        (&recurring, json!({"reminders": [{"at": "2099-01-31T09:00:00Z", "before": "PT1H"}]}), "reminders", "invalid"),
    ] {
        let answer = alice.patch(422, &path(task), body.clone()).await;
        assert_eq!(mistakes(&answer), [(field.to_owned(), code.to_owned())], "{body}: {}", answer.detail());
        let whole = with(json!({"title": "new", "due_date": task["due_date"]}), &body);
        if task["id"] != recurring["id"] {
            assert_eq!(mistakes(&alice.post(422, "/api/tasks", whole).await)[0].0, field, "{body}");
        }
    }
    let all = json!({"title": " ", "time_zone": "Mars", "missed": 1, "reminders": [1]});
    let fields: Vec<_> =
        mistakes(&alice.post(422, "/api/tasks", all).await).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["title", "time_zone", "missed", "reminders"]);
    assert_eq!(list(&alice).await, before);
}

#[on_both_databases]
async fn writes_of_many_tasks_create_the_next_occurrences(app: TestApp) {
    let alice = app.user("alice");
    for _ in 0..3 {
        create(&alice, weekly()).await;
        alice.create("plain").await;
    }
    assert_eq!(alice.post(200, "/api/tasks/complete-all", json!({})).await.json(), json!({"count": 6}));
    let open = alice.get(200, "/api/tasks?status=pending").await.json();
    let due: Vec<_> = open.as_array().unwrap().iter().map(|task| task["due_date"].clone()).collect();
    assert_eq!(due, ["2099-01-12"; 3]);
    assert_eq!(alice.delete(200, "/api/tasks?status=completed").await.json(), json!({"count": 6}));
    assert_eq!(list(&alice).await.len(), 3);
}

#[on_both_databases]
async fn a_repeated_request_with_a_key_creates_one_next_occurrence(app: TestApp) {
    let alice = app.user("alice");
    let send = async |method: Method, path: &str, key: &str, body: Value| {
        Answer::to(alice.request(method, path).header("idempotency-key", key).json(&body)).await
    };
    let first = send(Method::POST, "/api/tasks", "create", weekly()).await;
    let again = send(Method::POST, "/api/tasks", "create", weekly()).await;
    assert_eq!((first.status, &again.text, again.header("idempotency-replayed")), (201, &first.text, "true"));
    let task = path(&first.json());
    let complete = format!("{task}/complete");
    let first = send(Method::PATCH, &complete, "complete", json!({})).await;
    let again = send(Method::PATCH, &complete, "complete", json!({})).await;
    assert_eq!((first.status, &again.text, again.header("idempotency-replayed")), (200, &first.text, "true"));
    assert!(first.json()["next_id"].is_i64());
    let next = format!("/api/tasks/{}", first.json()["next_id"]);
    assert_eq!(send(Method::DELETE, &next, "skip", json!({})).await.status, 204);
    assert_eq!(send(Method::DELETE, &next, "skip", json!({})).await.header("idempotency-replayed"), "true");
    assert_eq!(send(Method::DELETE, &format!("{next}?series=true"), "skip", json!({})).await.status, 422);
    let occurrences: Vec<_> = list(&alice).await.iter().map(|task| task["occurrence"].clone()).collect();
    assert_eq!(occurrences, ["2099-01-19", "2099-01-05"]);
}

#[on_both_databases]
async fn a_stale_condition_writes_nothing_and_a_merge_names_the_fields_that_conflict(app: TestApp) {
    let alice = app.user("alice");
    let task = create(&alice, weekly()).await;
    let version = format!("\"{}\"", task["version"]);
    let current = alice.patch(200, &path(&task), json!({"recurrence": "daily"})).await.json();
    for (method, path) in [
        (Method::PATCH, format!("{}/complete", path(&task))),
        (Method::DELETE, path(&task)),
        (Method::DELETE, format!("{}?series=true", path(&task))),
    ] {
        let answer = Answer::expect(412, alice.request(method, &path).header("if-match", &version)).await;
        assert_eq!(answer.json()["current"], current);
    }
    assert_eq!(list(&alice).await, [current]);
    let merge = |body: Value| {
        let request = alice.request(Method::PATCH, &path(&task)).header("if-match", &version);
        request.header("prefer", "merge=auto").json(&body)
    };
    let refused = Answer::expect(412, merge(json!({"recurrence": "monthly"}))).await;
    assert_eq!(refused.json()["conflicts"], json!(["recurrence"]));
    let merged = Answer::expect(200, merge(json!({"missed": "keep", "title": "both"}))).await;
    assert_eq!(merged.header("preference-applied"), "merge=auto");
    let merged = merged.json();
    assert_eq!((&merged["recurrence"], &merged["missed"]), (&json!("FREQ=DAILY"), &json!("keep")));
    let fresh = format!("\"{}\"", merged["version"]);
    let complete = format!("{}/complete", path(&task));
    Answer::expect(200, alice.request(Method::PATCH, &complete).header("if-match", fresh)).await;
    assert_eq!(list(&alice).await.len(), 2);
}

#[on_both_databases]
async fn the_occurrences_of_a_series_are_listed_the_last_one_first_in_pages(app: TestApp) {
    let alice = app.user("alice");
    let mut task = create(&alice, weekly()).await;
    let first = task.clone();
    let mut done = Vec::new();
    for _ in 0..5 {
        let (completed, next) = complete(&alice, &task).await;
        done.insert(0, completed);
        task = next;
    }
    alice.delete(204, &path(&done[2])).await;
    done.remove(2);
    let list = format!("{}/occurrences", path(&task));
    assert_eq!(alice.get(200, &list).await.json(), json!(done));
    assert_eq!(alice.get(200, &format!("{}/occurrences", path(&first))).await.json(), json!(done));
    let (mut pages, mut address) = (Vec::new(), format!("{list}?limit=3"));
    loop {
        let page = alice.get(200, &address).await;
        pages.push(page.json());
        if !page.has("link") {
            break;
        }
        page.header("link").trim_start_matches('<').split_once('>').unwrap().0.clone_into(&mut address);
    }
    assert_eq!(pages, [json!(done[..3]), json!(done[3..])]);
    let other = alice.get(422, &format!("{}/occurrences?{}", path(&first), address.split_once('?').unwrap().1)).await;
    assert_eq!(other.code(), "invalid_cursor");
    assert_eq!(alice.get(422, &format!("{list}?limit=0")).await.code(), "invalid_parameter");
    let plain = alice.create("plain").await;
    assert_eq!(alice.get(200, &format!("{plain}/occurrences")).await.json(), json!([]));
    app.user("bob").get(403, &list).await;
}

#[on_both_databases]
async fn the_next_occurrence_counts_for_the_limit_of_tasks(database: testing::TestDatabase) {
    let app = TestApp::with(database, &[("MAX_TASKS_PER_USER", "2")]).await;
    let alice = app.user("alice");
    let task = create(&alice, weekly()).await;
    let plain = alice.create("plain").await;
    assert_eq!(alice.toggle(409, &path(&task)).await.code(), "task_limit_reached");
    assert_eq!(alice.get(200, &path(&task)).await.json(), task);
    alice.delete(204, &path(&task)).await;
    alice.delete(204, &plain).await;
    let open = list(&alice).await;
    assert_eq!((open.len(), &open[0]["occurrence"]), (1, &json!("2099-01-12")));
}

#[on_both_databases]
async fn an_agent_works_with_recurring_tasks_and_its_rules_are_never_ignored(app: TestApp) {
    let (alice, agent) = (app.user("alice"), Agent::new(app.user("alice"), Revision::Newest));
    let added = agent.does("add_task", with(weekly(), &json!({"reminders": [{"before": "PT15M"}]}))).await;
    assert_eq!(added["task"], alice.get(200, &path(&added["task"])).await.json());
    assert_eq!(added["task"]["recurrence"], "FREQ=WEEKLY");
    let id = &added["task_id"];
    let completed = agent.does("complete_task", json!({"task_id": id})).await;
    let next = &completed["task"]["next_id"];
    let shown = agent.does("get_task", json!({"task_id": next})).await;
    assert_eq!(
        (&shown["task"]["due_date"], &shown["task"]["reminders"]),
        (&json!("2099-01-12"), &json!([{"before": "PT15M"}]))
    );

    let before = list(&alice).await;
    for (tool, arguments, start) in [
        ("add_task", json!({"title": "t", "recurrence": "weekly"}), "recurrence needs a due_date"),
        ("add_task", json!({"title": "t", "recurrence": "weekly", "due_date": "2099-01-05"}), "time_zone is required"),
        ("add_task", json!({"title": "t", "recurrence": "every week"}), "recurrence must be a rule"),
        ("add_task", json!({"title": "t", "recurrence": {"every": "week"}}), "recurrence must be a rule"),
        ("update_task", json!({"task_id": next, "recurrence": "biweekly"}), "recurrence must be a rule"),
        ("update_task", json!({"task_id": next, "due_date": null}), "due_date cannot be removed"),
        ("update_task", json!({"task_id": next, "reminders": [{"before": "soon"}]}), "reminders must have a `before`"),
    ] {
        let refused = agent.refused(tool, arguments.clone()).await;
        assert!(refused.starts_with(start), "{arguments}: {refused}");
    }
    assert_eq!(list(&alice).await, before);
    let ended = agent.does("update_task", json!({"task_id": next, "recurrence": null, "reminders": []})).await;
    assert_eq!(ended["task"].get("recurrence"), None);
}
