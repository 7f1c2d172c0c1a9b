//! The vectors of `docs/recurrence/vectors.json` over HTTP. Each is a task that is completed again and again, and its previewed dates. The
//! engine alone is tested with the same vectors in `service/src/recurrence/tests.rs`.

use futures_util::StreamExt;
use futures_util::stream::iter;
use serde::Deserialize;
use serde_json::{Value, json};
use service::recurrence::{Missed, RecurFrom, Recurrence, Series, Slot};
use service::tasks::{Due, Zone};
use testing::on_both_databases;

use crate::support::{TestApp, User};

/// The maximum number of completions of one vector.
const MAX_COMPLETIONS: usize = 6;
/// The number of vectors that are tested at the same time.
const AT_ONCE: usize = 8;
/// The maximum number of dates of a preview.
const MAX_PREVIEW: usize = 50;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    time_zone: String,
    due_date: String,
    recurrence: String,
    #[serde(default)]
    recurrence_from: RecurFrom,
    #[serde(default)]
    missed: Missed,
    /// The dates of the rule from the due date on.
    #[serde(default)]
    dates: Vec<Value>,
    /// Whether the series ends after the last one of `dates`.
    #[serde(default)]
    ends: bool,
    /// Instead of dates: completions at given instants.
    #[serde(default)]
    completions: Vec<Completion>,
}

#[derive(Deserialize)]
struct Completion {
    next: Value,
}

impl Vector {
    fn series(&self) -> Series {
        let zone = Zone::parse(&self.time_zone).unwrap();
        let rule = Recurrence::parse(&self.recurrence, &due(&json!(self.due_date)), zone).unwrap();
        Series::new(rule, zone, self.recurrence_from, self.missed)
    }

    /// Returns an occurrence of the table as an answer has it.
    fn occurrence(&self, date: &Value) -> Value {
        if date.is_object() || date.is_null() {
            return date.clone();
        }
        json!({"due_date": date, "occurrence": self.series().slot_of(&due(date)).as_str()})
    }

    async fn check_preview(&self, user: &User) {
        let count = MAX_PREVIEW.min(self.dates.len() + 1);
        let asked = json!({
            "recurrence": self.recurrence, "due_date": self.due_date, "time_zone": self.time_zone, "count": count
        });
        let preview = user.post(200, "/api/recurrence/preview", asked).await.json();
        let found = preview["occurrences"].as_array().unwrap();
        let ends = self.ends && self.dates.len() < MAX_PREVIEW;
        assert_eq!(found.len(), count - usize::from(ends), "{}", self.name);
        for (found, date) in found.iter().zip(&self.dates) {
            let found = only(found, &["due_date", "occurrence", "shifted"]);
            assert_eq!(found, self.occurrence(date), "{}", self.name);
        }
    }

    /// Creates a task and completes one occurrence after the other. `next` returns what must follow an occurrence with this number
    /// that was completed.
    async fn check_completions(
        &self,
        user: &User,
        missed: &str,
        completions: usize,
        mut next: impl FnMut(usize, &Value) -> Value,
    ) {
        let from = if self.recurrence_from == RecurFrom::Completion { "completion" } else { "due" };
        let body = json!({
            "title": self.name, "due_date": self.due_date, "recurrence": self.recurrence, "time_zone": self.time_zone,
            "missed": missed, "recurrence_from": from
        });
        let (mut task, mut done) = (user.post(201, "/api/tasks", body).await.json(), Vec::new());
        assert_eq!(stored(&task), self.occurrence(&json!(self.due_date)), "{}", self.name);
        for number in 0..completions {
            let completed = user.toggle(200, &format!("/api/tasks/{}", task["id"])).await.json();
            let expected = next(number, &completed);
            let Some(id) = completed.get("next_id").cloned() else {
                assert_eq!(expected, Value::Null, "{}: occurrence {number} is the last one", self.name);
                done.insert(0, completed);
                break;
            };
            done.insert(0, completed);
            task = user.get(200, &format!("/api/tasks/{id}")).await.json();
            assert_eq!(stored(&task), only(&expected, &STORED), "{}: after occurrence {number}", self.name);
        }
        let all = user.get(200, &format!("/api/tasks/{}/occurrences", task["id"])).await.json();
        assert_eq!(all, json!(done), "{}", self.name);
    }

    async fn check(&self, user: &User) {
        if !self.dates.is_empty() {
            self.check_preview(user).await;
            let completions = (self.dates.len() - usize::from(!self.ends)).min(MAX_COMPLETIONS);
            let next = |number: usize, _: &Value| self.occurrence(self.dates.get(number + 1).unwrap_or(&Value::Null));
            self.check_completions(user, "keep", completions, next).await;
        } else if self.missed == Missed::Keep {
            let next = |number: usize, _: &Value| self.occurrence(&self.completions[number].next);
            self.check_completions(user, "keep", self.completions.len(), next).await;
        } else {
            // The next date depends on the time of the completion, which no request can choose. It is that of the engine at the time
            // that the answer has.
            let mut series = self.series();
            let next = |_: usize, completed: &Value| {
                let slot = Slot::parse(completed["occurrence"].as_str().unwrap()).unwrap();
                let at = completed["completed_at"].as_str().unwrap().parse().unwrap();
                let Some(next) = series.next(&slot, &due(&completed["due_date"]), at) else { return Value::Null };
                series.left = next.left;
                json!({"due_date": next.due.as_str(), "occurrence": next.slot.as_str()})
            };
            self.check_completions(user, "skip", self.completions.len(), next).await;
        }
    }
}

/// The fields of a task that a vector has.
const STORED: [&str; 2] = ["due_date", "occurrence"];

fn stored(task: &Value) -> Value {
    only(task, &STORED)
}

/// Returns these fields of an object, if it has them.
fn only(object: &Value, names: &[&str]) -> Value {
    names.iter().filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone()))).collect()
}

fn due(text: &Value) -> Due {
    Due::parse(text.as_str().unwrap()).unwrap()
}

#[on_both_databases]
async fn completing_the_task_of_each_vector_gives_its_dates(app: TestApp) {
    let table = include_str!("../../../docs/recurrence/vectors.json");
    let vectors = serde_json::from_str::<Vectors>(table).unwrap().vectors;
    assert!(vectors.len() > 90);
    let client = app.anonymous();
    let numbered = iter(vectors.iter().enumerate());
    numbered
        .for_each_concurrent(AT_ONCE, async |(number, vector)| {
            vector.check(&client.signed_in_as(&number.to_string())).await;
        })
        .await;
}
