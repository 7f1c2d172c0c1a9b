//! Random sequences of operations by three users agree with a model of ten lines.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use testing::on_both_databases;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::support::{TestApp, User};

/// What a user does. A task is named by its number in the order of creation; one that is not there yet is any other id.
#[derive(Clone, Debug)]
enum Action {
    Create { title: String, description: Option<String> },
    List { status: &'static str },
    Get { task: usize },
    Update { task: usize, title: Option<String>, description: Option<Option<String>>, completed: Option<bool> },
    Toggle { task: usize },
    Set { task: usize, completed: bool },
    Delete { task: usize },
}

/// Any text that the contract takes: every character but U+0000, not blank.
fn title() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 1..40)
        .prop_map(|characters| characters.into_iter().filter(|c| *c != '\0').collect::<String>())
        .prop_filter("blank", |text| !text.trim().is_empty())
}

fn description() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(title())
}

fn action() -> impl Strategy<Value = Action> {
    let task = 0..6usize;
    prop_oneof![
        3 => (title(), description()).prop_map(|(title, description)| Action::Create { title, description }),
        2 => prop_oneof![Just("all"), Just("pending"), Just("completed")].prop_map(|status| Action::List { status }),
        1 => task.clone().prop_map(|task| Action::Get { task }),
        3 => (task.clone(), proptest::option::of(title()), proptest::option::of(description()), any::<Option<bool>>())
            .prop_map(|(task, title, description, completed)| Action::Update { task, title, description, completed }),
        2 => task.clone().prop_map(|task| Action::Toggle { task }),
        1 => (task.clone(), any::<bool>()).prop_map(|(task, completed)| Action::Set { task, completed }),
        1 => task.prop_map(|task| Action::Delete { task }),
    ]
}

#[derive(Clone)]
struct Task {
    id: i64,
    owner: usize,
    title: String,
    description: Option<String>,
    completed: bool,
}

#[derive(Default)]
struct Model {
    tasks: Vec<Task>,
    ids: Vec<i64>,
}

impl Model {
    /// Where this task is, or the status that this user gets instead.
    fn find(&self, user: usize, id: i64) -> Result<usize, u16> {
        let index = self.tasks.iter().position(|task| task.id == id).ok_or(404u16)?;
        if self.tasks[index].owner == user { Ok(index) } else { Err(403) }
    }

    fn id(&self, task: usize) -> i64 {
        self.ids.get(task).copied().unwrap_or(i64::MAX)
    }

    fn list(&self, user: usize, status: &str) -> Vec<&Task> {
        let shown = |task: &&Task| task.owner == user && (status == "all" || task.completed == (status == "completed"));
        self.tasks.iter().rev().filter(shown).collect()
    }
}

fn assert_same(answer: &Value, task: &Task) {
    let got = (&answer["id"], &answer["title"], &answer["description"], &answer["completed"]);
    assert_eq!(got, (&json!(task.id), &json!(task.title), &json!(task.description), &json!(task.completed)));
}

async fn act(users: &[User], user: usize, action: Action, model: &mut Model) {
    let caller = &users[user];
    let path = |id: i64| format!("/api/tasks/{id}");
    match action {
        Action::Create { title, description } => {
            let answer = caller.post(201, "/api/tasks", json!({"title": title, "description": description})).await.json();
            let task = Task { id: answer["id"].as_i64().unwrap(), owner: user, title, description, completed: false };
            assert_same(&answer, &task);
            model.ids.push(task.id);
            model.tasks.push(task);
        }
        Action::List { status } => {
            let answer = caller.get(200, &format!("/api/tasks?status={status}")).await.json();
            let (got, expected) = (answer.as_array().unwrap(), model.list(user, status));
            assert_eq!(got.len(), expected.len());
            got.iter().zip(expected).for_each(|(got, expected)| assert_same(got, expected));
        }
        Action::Get { task } => match model.find(user, model.id(task)) {
            Ok(index) => assert_same(&caller.get(200, &path(model.id(task))).await.json(), &model.tasks[index]),
            Err(status) => drop(caller.get(status, &path(model.id(task))).await),
        },
        Action::Update { task, title, description, completed } => {
            let mut body = json!({});
            if let Some(title) = &title { body["title"] = json!(title) }
            if let Some(description) = &description { body["description"] = json!(description) }
            if let Some(completed) = completed { body["completed"] = json!(completed) }
            match model.find(user, model.id(task)) {
                Ok(index) => {
                    let expected = &mut model.tasks[index];
                    if let Some(title) = title { expected.title = title }
                    if let Some(description) = description { expected.description = description }
                    if let Some(completed) = completed { expected.completed = completed }
                    assert_same(&caller.put(200, &path(expected.id), body).await.json(), expected);
                }
                Err(status) => drop(caller.put(status, &path(model.id(task)), body).await),
            }
        }
        Action::Toggle { task } => match model.find(user, model.id(task)) {
            Ok(index) => {
                let expected = &mut model.tasks[index];
                expected.completed = !expected.completed;
                assert_same(&caller.toggle(200, &path(expected.id)).await.json(), expected);
            }
            Err(status) => drop(caller.toggle(status, &path(model.id(task))).await),
        },
        Action::Set { task, completed } => {
            let address = format!("{}/complete", path(model.id(task)));
            match model.find(user, model.id(task)) {
                Ok(index) => {
                    model.tasks[index].completed = completed;
                    assert_same(&caller.patch(200, &address, json!({"completed": completed})).await.json(), &model.tasks[index]);
                }
                Err(status) => drop(caller.patch(status, &address, json!({"completed": completed})).await),
            }
        }
        Action::Delete { task } => match model.find(user, model.id(task)) {
            Ok(index) => {
                caller.delete(204, &path(model.id(task))).await;
                model.tasks.remove(index);
            }
            Err(status) => drop(caller.delete(status, &path(model.id(task))).await),
        },
    }
}

fn run<S: Strategy>(cases: u32, strategy: &S, check: impl AsyncFn(S::Value)) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(strategy, |value| {
        block_in_place(|| Handle::current().block_on(check(value)));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

on_both_databases! {
    async fn random_operations_of_three_users_agree_with_the_model(app: TestApp) {
        let round = AtomicU32::new(0);
        let actions = proptest::collection::vec((0..3usize, action()), 1..50);
        run(32, &actions, async |actions| {
            let round = round.fetch_add(1, Ordering::Relaxed);
            let users: Vec<User> = (0..3).map(|user| app.user(&format!("{round}-{user}"))).collect();
            let mut model = Model::default();
            for (user, action) in actions {
                act(&users, user, action, &mut model).await;
            }
        });
    }

    async fn any_text_round_trips_exactly(app: TestApp) {
        let alice = app.user("alice");
        run(200, &(title(), title()), async |(title, description)| {
            let body = json!({"title": title, "description": description});
            let path = alice.post(201, "/api/tasks", body).await.header("location").to_owned();
            let task = alice.get(200, &path).await.json();
            assert_eq!((&task["title"], &task["description"]), (&json!(title), &json!(description)));
        });
    }
}
