//! Compares random sequences of operations by three users with a small model in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use testing::on_both_databases;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::model::{Action, Model, dates};
use crate::support::{Answer, TestApp, User};

/// Generates any text that the contract accepts: every character but U+0000, not blank.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 1..40)
        .prop_map(|characters| characters.into_iter().filter(|c| *c != '\0').collect::<String>())
        .prop_filter("blank", |text| !text.trim().is_empty())
}

fn priority() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["none", "low", "medium", "high"][..])
}

fn tags() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(&["work", "Home", "ÉCOLE", "a, b"][..], 0..4).prop_shuffle()
}

fn due_date() -> impl Strategy<Value = &'static str> {
    let forms = ["2026-01-31", "2026-01-31T23:30:00Z", "2000-02-29t00:00:00.5+05:30", "2099-01-30", "2099-02-07T10:00"];
    proptest::sample::select(Vec::from(forms))
}

/// Generates any partial update: each field absent or set, a description and a due date also null.
fn changes() -> impl Strategy<Value = Value> {
    let option = proptest::option::of::<proptest::strategy::BoxedStrategy<Value>>;
    let priority = priority().prop_map(|priority| json!(priority)).boxed();
    let tags = tags().prop_map(|tags| json!(tags)).boxed();
    let due_date = proptest::option::of(due_date()).prop_map(|due_date| json!(due_date)).boxed();
    let title = text().prop_map(|text| json!(text)).boxed();
    let description = proptest::option::of(text()).prop_map(|text| json!(text)).boxed();
    let completed = any::<bool>().prop_map(|completed| json!(completed)).boxed();
    let texts = (option(title), option(description), option(completed));
    (texts, option(priority), option(tags), option(due_date)).prop_map(|(texts, priority, tags, due_date)| {
        let (title, description, completed) = texts;
        let texts = [("title", title), ("description", description), ("completed", completed)];
        let rest = [("priority", priority), ("tags", tags), ("due_date", due_date)];
        texts.into_iter().chain(rest).filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

/// Generates fields that let a task recur. None of its occurrences is skipped.
fn rule() -> impl Strategy<Value = Value> {
    (proptest::sample::select(&dates::RULES[..]), proptest::sample::select(&dates::ZONES[..]))
        .prop_map(|(rule, zone)| json!({"recurrence": rule, "time_zone": zone, "missed": "keep"}))
}

/// Generates a change of a rule or a time zone, or an end of a series. The zone can be null, and can be missing with a rule.
fn rule_changes() -> impl Strategy<Value = Value> {
    let zone = proptest::sample::select(&dates::ZONES[..]).prop_map(|zone| json!({ "time_zone": zone }));
    let rule_alone = proptest::sample::select(&dates::RULES[..]);
    prop_oneof![
        3 => rule(),
        2 => zone,
        1 => rule_alone.prop_map(|rule| json!({"recurrence": rule, "missed": "keep"})),
        1 => Just(json!({"time_zone": null})),
        2 => Just(json!({"recurrence": null})),
    ]
}

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Generates a new recurring task.
fn recurring() -> impl Strategy<Value = Value> {
    (rule(), due_date()).prop_map(|(rule, due_date)| {
        let plain = json!({"title": "again", "description": null, "priority": "low", "tags": ["Home"]});
        with(with(plain, &json!({ "due_date": due_date })), &rule)
    })
}

fn action() -> impl Strategy<Value = Action> {
    let task = 0..8usize;
    let new = (text(), proptest::option::of(text()), priority(), tags(), proptest::option::of(due_date()));
    prop_oneof![
        3 => new.prop_map(|(title, description, priority, tags, due_date)| Action::Create(json!({
            "title": title, "description": description, "priority": priority, "tags": tags, "due_date": due_date
        }))),
        2 => recurring().prop_map(Action::Create),
        2 => prop_oneof![Just("status=all"), Just("status=pending"), Just("status=completed"), Just("priority=high"), Just("tag=école")].prop_map(Action::List),
        1 => task.clone().prop_map(Action::Get),
        3 => (task.clone(), changes()).prop_map(|(task, changes)| Action::Update(task, changes)),
        2 => (task.clone(), changes(), rule_changes()).prop_map(|(task, changes, rule)| Action::Update(task, with(changes, &rule))),
        2 => (task.clone(), rule_changes()).prop_map(|(task, rule)| Action::Update(task, rule)),
        3 => task.clone().prop_map(Action::Toggle),
        1 => (task.clone(), any::<bool>()).prop_map(|(task, completed)| Action::Set(task, completed)),
        2 => task.clone().prop_map(Action::Delete),
        1 => task.clone().prop_map(Action::DeleteSeries),
        2 => task.prop_map(Action::Restore),
        1 => Just(Action::CompleteAll),
        1 => Just(Action::DeleteCompleted),
    ]
}

/// Sends the request for `action` to tasks with these ids. Returns the answer's body in the form of the model.
async fn send(user: &User, action: &Action, ids: &[i64], status: u16, key: Option<&str>) -> Value {
    let path = |task: usize| format!("/api/tasks/{}", ids.get(task).copied().unwrap_or(i64::MAX));
    let request = match action {
        Action::Create(new) => user.request(Method::POST, "/api/tasks").json(new),
        Action::List(query) => user.request(Method::GET, &format!("/api/tasks?{query}")),
        Action::Get(task) => user.request(Method::GET, &path(*task)),
        Action::Update(task, changes) => user.request(Method::PUT, &path(*task)).json(changes),
        Action::Toggle(task) => user.request(Method::PATCH, &format!("{}/complete", path(*task))),
        Action::Set(task, completed) => {
            user.request(Method::PATCH, &format!("{}/complete", path(*task))).json(&json!({ "completed": completed }))
        }
        Action::DeleteSeries(task) => user.request(Method::DELETE, &format!("{}?series=true", path(*task))),
        Action::Delete(task) => user.request(Method::DELETE, &path(*task)),
        Action::Restore(task) => user.request(Method::POST, &format!("{}/restore", path(*task))),
        Action::CompleteAll => user.request(Method::POST, "/api/tasks/complete-all"),
        Action::DeleteCompleted => user.request(Method::DELETE, "/api/tasks?status=completed"),
    };
    let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
    let answer = Answer::expect(status, request).await;
    let known = |task: &Value| {
        assert_eq!(task["completed"] == true, !task["completed_at"].is_null());
        let fields = ["title", "description", "completed", "priority", "tags", "due_date"];
        let of_series = ["recurrence", "time_zone", "missed", "occurrence"].into_iter();
        let of_series = of_series.filter(|field| task.get(field).is_some());
        fields.into_iter().chain(of_series).map(|field| (field.to_owned(), task[field].clone())).collect()
    };
    match (status, action) {
        (200, Action::List(_)) => answer.json().as_array().unwrap().iter().map(known).collect(),
        (200, Action::CompleteAll | Action::DeleteCompleted) => answer.json(),
        (200 | 201, _) => known(&answer.json()),
        _ => Value::Null,
    }
}

/// Gives the tasks that an action has created their ids. Fails if there are others, or fewer, or if a task is in another series.
async fn find_new(user: &User, model: &mut Model, ids: &mut Vec<i64>, series: &mut BTreeMap<usize, i64>) {
    let mut pending: Vec<usize> = (ids.len()..model.len()).collect();
    let list = user.get(200, "/api/tasks").await.json();
    let place_of = |task: &&Value| ids.iter().position(|id| task["id"] == *id);
    let (known, found): (Vec<_>, Vec<_>) =
        list.as_array().unwrap().iter().partition(|task: &&Value| place_of(task).is_some());
    assert_eq!(found.len(), pending.len(), "{found:?}");
    for task in known {
        let number = model.occurrence(place_of(&task).unwrap()).map(|(number, _)| number);
        let expected = number.and_then(|number| series.get(&number)).copied().or(task["series_id"].as_i64());
        assert_eq!((number.is_some(), expected), (!task["series_id"].is_null(), task["series_id"].as_i64()), "{task}");
        series.extend(number.zip(expected));
    }
    ids.resize(model.len(), 0);
    for task in found {
        let stands_for = (task["series_id"].as_i64(), task["occurrence"].as_str());
        let place = pending.iter().position(|place| match model.occurrence(*place) {
            None => stands_for == (None, None),
            Some((number, occurrence)) => {
                let id = series.get(&number).copied().or(stands_for.0);
                stands_for == (id, Some(occurrence))
            }
        });
        let place = pending.remove(place.unwrap_or_else(|| panic!("not expected: {task}")));
        ids[place] = task["id"].as_i64().unwrap();
        series.extend(model.occurrence(place).map(|(number, _)| number).zip(stands_for.0));
    }
    model.set_ids(ids);
}

fn run<S: Strategy>(cases: u32, strategy: &S, check: impl AsyncFn(S::Value)) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(strategy, |value| {
        block_in_place(|| Handle::current().block_on(check(value)));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[on_both_databases]
async fn random_operations_of_three_users_agree_with_the_model(app: TestApp) {
    let round = AtomicU32::new(0);
    let actions = proptest::collection::vec((0..3usize, action()), 1..50);
    run(32, &actions, async |actions| {
        let round = round.fetch_add(1, Ordering::Relaxed);
        let users: Vec<User> = (0..3).map(|user| app.user(&format!("{round}-{user}"))).collect();
        let (mut model, mut ids, mut series) = (Model::default(), Vec::new(), BTreeMap::new());
        for (place, (user, action)) in actions.into_iter().enumerate() {
            let (status, expected) = model.act(user, &action);
            // Some requests are sent twice, with a key.
            let key = place.is_multiple_of(3).then(|| place.to_string());
            let body = send(&users[user], &action, &ids, status, key.as_deref()).await;
            assert_eq!(body, expected, "{action:?}");
            if key.is_some() {
                let again = send(&users[user], &action, &ids, status, key.as_deref()).await;
                assert_eq!(again, body, "{action:?}");
            }
            if !matches!(action, Action::List(_) | Action::Get(_)) {
                find_new(&users[user], &mut model, &mut ids, &mut series).await;
            }
        }
    });
}

#[on_both_databases]
async fn any_text_round_trips_exactly(app: TestApp) {
    let alice = app.user("alice");
    run(200, &(text(), text()), async |(title, description)| {
        let body = json!({"title": title, "description": description});
        let path = alice.post(201, "/api/tasks", body).await.header("location").to_owned();
        let task = alice.get(200, &path).await.json();
        assert_eq!((&task["title"], &task["description"]), (&json!(title), &json!(description)));
    });
}
