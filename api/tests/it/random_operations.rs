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

use crate::support::{Answer, TestApp, User};

/// An action of a user. A task is named by its number in order of creation; a number that is too large stands for an id without
/// a task.
#[derive(Clone, Debug)]
enum Action {
    Create(Value),
    List(&'static str),
    Get(usize),
    Update(usize, Value),
    Toggle(usize),
    Set(usize, bool),
    Delete(usize),
    Restore(usize),
    CompleteAll,
    DeleteCompleted,
}

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
    proptest::sample::select(&["2026-01-31", "2026-01-31T09:30:00Z", "2000-02-29t00:00:00.5+05:30"][..])
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

fn action() -> impl Strategy<Value = Action> {
    let task = 0..6usize;
    let new = (text(), proptest::option::of(text()), priority(), tags(), proptest::option::of(due_date()));
    prop_oneof![
        3 => new.prop_map(|(title, description, priority, tags, due_date)| Action::Create(json!({
            "title": title, "description": description, "priority": priority, "tags": tags, "due_date": due_date
        }))),
        2 => prop_oneof![Just("status=all"), Just("status=pending"), Just("status=completed"), Just("priority=high"), Just("tag=école")].prop_map(Action::List),
        1 => task.clone().prop_map(Action::Get),
        3 => (task.clone(), changes()).prop_map(|(task, changes)| Action::Update(task, changes)),
        2 => task.clone().prop_map(Action::Toggle),
        1 => (task.clone(), any::<bool>()).prop_map(|(task, completed)| Action::Set(task, completed)),
        2 => task.clone().prop_map(Action::Delete),
        2 => task.prop_map(Action::Restore),
        1 => Just(Action::CompleteAll),
        1 => Just(Action::DeleteCompleted),
    ]
}

/// Every task that was created, with its owner. A deleted one is `Null`.
#[derive(Default)]
struct Model {
    tasks: Vec<(usize, Value)>,
    /// The tasks at the same places, as they were when they were last deleted.
    deleted: BTreeMap<usize, Value>,
}

impl Model {
    /// Returns the status and the body that this user must get.
    fn act(&mut self, user: usize, action: &Action) -> (u16, Value) {
        match action {
            Action::Create(new) => {
                self.tasks.push((user, new.clone()));
                self.on(user, self.tasks.len() - 1, 201, |task| task["completed"] = json!(false))
            }
            Action::List(query) => {
                let shown = |task: &Value| match *query {
                    "status=pending" => task["completed"] == false,
                    "status=completed" => task["completed"] == true,
                    "priority=high" => task["priority"] == "high",
                    "tag=école" => task["tags"].as_array().unwrap().contains(&json!("ÉCOLE")),
                    _ => true,
                };
                let mine =
                    self.tasks.iter().rev().filter(|(owner, task)| *owner == user && !task.is_null() && shown(task));
                (200, mine.map(|(_, task)| task.clone()).collect())
            }
            Action::Get(task) => self.on(user, *task, 200, |_| {}),
            Action::Update(task, changes) => self.on(user, *task, 200, |task| {
                task.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            }),
            Action::Toggle(task) => self.on(user, *task, 200, |task| {
                task["completed"] = json!(task["completed"] != true);
            }),
            Action::Set(task, completed) => self.on(user, *task, 200, |task| task["completed"] = json!(completed)),
            Action::Delete(task) => {
                let before = self.tasks.get(*task).map(|(_, task)| task.clone());
                let outcome = self.on(user, *task, 204, |task| *task = Value::Null);
                if outcome.0 == 204 {
                    self.deleted.extend(before.map(|before| (*task, before)));
                }
                outcome
            }
            Action::Restore(task) => match self.tasks.get_mut(*task) {
                Some((owner, current)) if *owner == user => {
                    if current.is_null() {
                        *current = self.deleted[task].clone();
                    }
                    (200, current.clone())
                }
                _ => (404, Value::Null),
            },
            Action::CompleteAll => self.on_all(user, false, |task| task["completed"] = json!(true)),
            Action::DeleteCompleted => {
                for (place, (owner, task)) in self.tasks.iter().enumerate() {
                    if *owner == user && task["completed"] == true {
                        self.deleted.insert(place, task.clone());
                    }
                }
                self.on_all(user, true, |task| *task = Value::Null)
            }
        }
    }

    /// Returns the user's completed tasks, or the pending ones.
    fn on_all(&mut self, user: usize, completed: bool, write: impl Fn(&mut Value)) -> (u16, Value) {
        let of =
            |(owner, task): &&mut (usize, Value)| *owner == user && !task.is_null() && task["completed"] == completed;
        let count = self.tasks.iter_mut().filter(of).map(|(_, task)| write(task)).count();
        (200, json!({ "count": count }))
    }

    fn on(&mut self, user: usize, task: usize, success: u16, write: impl FnOnce(&mut Value)) -> (u16, Value) {
        match self.tasks.get_mut(task) {
            None | Some((_, Value::Null)) => (404, Value::Null),
            Some((owner, _)) if *owner != user => (403, Value::Null),
            Some((_, task)) => {
                write(task);
                (success, task.clone())
            }
        }
    }
}

/// Sends the request for `action`. Returns the answer's body in the form of the model, and the path of a new task.
async fn send(
    user: &User,
    action: &Action,
    paths: &[String],
    status: u16,
    key: Option<&str>,
) -> (Value, Option<String>) {
    let path = |task: usize| paths.get(task).cloned().unwrap_or_else(|| format!("/api/tasks/{}", i64::MAX));
    let request = match action {
        Action::Create(new) => user.request(Method::POST, "/api/tasks").json(new),
        Action::List(query) => user.request(Method::GET, &format!("/api/tasks?{query}")),
        Action::Get(task) => user.request(Method::GET, &path(*task)),
        Action::Update(task, changes) => user.request(Method::PUT, &path(*task)).json(changes),
        Action::Toggle(task) => user.request(Method::PATCH, &format!("{}/complete", path(*task))),
        Action::Set(task, completed) => {
            user.request(Method::PATCH, &format!("{}/complete", path(*task))).json(&json!({ "completed": completed }))
        }
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
        Value::from_iter(fields.map(|field| (field, task[field].clone())))
    };
    let body = match (status, action) {
        (200, Action::List(_)) => answer.json().as_array().unwrap().iter().map(known).collect(),
        (200, Action::CompleteAll | Action::DeleteCompleted) => answer.json(),
        (200 | 201, _) => known(&answer.json()),
        _ => Value::Null,
    };
    (body, (status == 201).then(|| answer.header("location").to_owned()))
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
        let (mut model, mut paths) = (Model::default(), Vec::new());
        for (place, (user, action)) in actions.into_iter().enumerate() {
            let (status, expected) = model.act(user, &action);
            // Some requests are sent twice, with a key.
            let key = place.is_multiple_of(3).then(|| place.to_string());
            let (body, created) = send(&users[user], &action, &paths, status, key.as_deref()).await;
            assert_eq!(body, expected, "{action:?}");
            if key.is_some() {
                let again = send(&users[user], &action, &paths, status, key.as_deref()).await;
                assert_eq!(again, (body, created.clone()), "{action:?}");
            }
            paths.extend(created);
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
