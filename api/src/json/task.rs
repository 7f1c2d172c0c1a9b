use actix_web::body::BoxBody;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::tasks::{self, Due, Reminder};
use utoipa::ToSchema;

use super::JSON;
use super::schedule::{Missed, RecurrenceFrom, ScheduleFields};
use super::schemas::{due_date_or_null, reminders};
use super::time::{self, rfc3339, rfc3339_or_null};
use crate::config::{TaskAlias, TaskAliases};
use crate::etag;

/// One of your tasks.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
    "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z",
    "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01", "completed_at": null, "version": 1_769_851_800_000_000_i64
}))]
pub struct Task {
    /// Identifies the task. Ids increase, and none is used twice.
    pub id: i64,
    /// What is to be done, exactly as it was sent.
    pub title: String,
    /// More about the task, exactly as it was sent, or null.
    #[schema(required = true)]
    pub description: Option<String>,
    /// Whether the task is completed.
    pub completed: bool,
    /// When the task was created (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// When the task was last changed (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    /// How important the task is.
    pub priority: Priority,
    /// The labels of the task, in the order in which they were sent.
    pub tags: Vec<String>,
    /// When the task is due, in the form that was sent: a day, a time without an offset, or an instant. Null is no due date.
    #[schema(schema_with = due_date_or_null, required = true)]
    pub due_date: Option<String>,
    /// When the task was completed (RFC 3339, UTC, microseconds), or null if it is not completed.
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(required = true)]
    pub completed_at: Option<DateTime<Utc>>,
    /// The version of the task: the number of its last change, in microseconds since 1970. It only rises. `If-Match` with it in
    /// quotes makes a change only if nothing else has changed the task since.
    pub version: i64,
    /// The rule of the series, as the value of an RRULE (RFC 5545, section 3.3.10). Only a recurring task has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub recurrence: Option<String>,
    /// The time zone of the owner, a name of the IANA database. Only a task that recurs or has reminders can have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub time_zone: Option<String>,
    /// The date from which INTERVAL of the rule counts. Only a recurring task has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RecurrenceFrom, required = false)]
    pub recurrence_from: Option<RecurrenceFrom>,
    /// What happens to occurrences that have passed when one is completed. Only a recurring task has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Missed, required = false)]
    pub missed: Option<Missed>,
    /// The series of the task. All occurrences of a series have the same number. A task keeps it when its series ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = false)]
    pub series_id: Option<i64>,
    /// The local day or time that the task stands for in its series. It differs from `due_date` if a clock change moved that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub occurrence: Option<String>,
    /// The reminders, at most 5. The first one has the number 1. Only a task with reminders has the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = reminders, required = false)]
    pub reminders: Option<Vec<Reminder>>,
    /// The id of the next occurrence, which was created when this one was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = false)]
    pub next_id: Option<i64>,
    /// The other names for `completed` that the answer has.
    #[serde(skip)]
    aliases: TaskAliases,
}

/// How important a task is, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// No priority is set.
    #[default]
    None,
    /// The task can wait.
    Low,
    /// The task should be done.
    Medium,
    /// The task must be done.
    High,
}

impl From<Priority> for tasks::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::None => Self::None,
            Priority::Low => Self::Low,
            Priority::Medium => Self::Medium,
            Priority::High => Self::High,
        }
    }
}

impl From<tasks::Priority> for Priority {
    fn from(priority: tasks::Priority) -> Self {
        match priority {
            tasks::Priority::None => Self::None,
            tasks::Priority::Low => Self::Low,
            tasks::Priority::Medium => Self::Medium,
            tasks::Priority::High => Self::High,
        }
    }
}

impl Task {
    /// Makes the task of an answer that has these other names for `completed`.
    #[must_use]
    pub fn new(mut task: tasks::Task, aliases: TaskAliases) -> Self {
        let fields = ScheduleFields::of(&mut task);
        Self {
            version: task.version(),
            id: task.id,
            title: task.title,
            description: task.description,
            completed: task.completed,
            created_at: task.created_at,
            updated_at: task.updated_at,
            priority: task.priority.into(),
            tags: task.tags.into_inner(),
            due_date: task.due.map(Due::into_inner),
            completed_at: task.completed_at,
            recurrence: fields.recurrence,
            time_zone: fields.time_zone,
            recurrence_from: fields.recurrence_from,
            missed: fields.missed,
            series_id: fields.series_id,
            occurrence: fields.occurrence,
            reminders: fields.reminders,
            next_id: fields.next_id,
            aliases,
        }
    }
}

/// The bytes that are reserved for the JSON of a task. Most take less.
pub(super) const RESERVED: usize = 320;

impl Responder for Task {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.answer(&mut HttpResponse::Ok())
    }
}

impl Task {
    /// Completes a response with this task as its body.
    pub(crate) fn answer(&self, response: &mut HttpResponseBuilder) -> HttpResponse {
        let mut json = Vec::with_capacity(RESERVED);
        self.write_json(&mut json);
        response.insert_header(JSON).insert_header(etag::header(self.version)).body(json)
    }

    /// Returns the JSON of the task.
    pub(crate) fn raw(&self) -> Option<Box<RawValue>> {
        let mut json = Vec::with_capacity(RESERVED);
        self.write_json(&mut json);
        RawValue::from_string(String::from_utf8(json).ok()?).ok()
    }

    /// Appends the same JSON as serde, in half the time, because field names are neither escaped nor copied twice.
    fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(b"{\"id\":");
        value(json, &self.id);
        json.extend_from_slice(b",\"title\":");
        text(json, &self.title);
        json.extend_from_slice(b",\"description\":");
        or_null(json, self.description.as_deref(), text);
        json.extend_from_slice(if self.completed { b",\"completed\":true" } else { b",\"completed\":false" });
        json.extend_from_slice(b",\"created_at\":");
        time::write_json(json, &self.created_at);
        json.extend_from_slice(b",\"updated_at\":");
        time::write_json(json, &self.updated_at);
        json.extend_from_slice(b",\"priority\":");
        value(json, &self.priority);
        json.extend_from_slice(b",\"tags\":");
        value(json, &self.tags);
        json.extend_from_slice(b",\"due_date\":");
        or_null(json, self.due_date.as_deref(), text);
        json.extend_from_slice(b",\"completed_at\":");
        or_null(json, self.completed_at.as_ref(), time::write_json);
        json.extend_from_slice(b",\"version\":");
        value(json, &self.version);
        if self.series_id.is_some() || self.reminders.is_some() {
            self.write_schedule(json);
        }
        if !self.aliases.is_empty() {
            self.write_aliases(json);
        }
        json.push(b'}');
    }

    /// Appends the fields that only a task with a series or with reminders has.
    fn write_schedule(&self, json: &mut Vec<u8>) {
        field(json, "recurrence", self.recurrence.as_ref());
        field(json, "time_zone", self.time_zone.as_ref());
        field(json, "recurrence_from", self.recurrence_from.as_ref());
        field(json, "missed", self.missed.as_ref());
        field(json, "series_id", self.series_id.as_ref());
        field(json, "occurrence", self.occurrence.as_ref());
        field(json, "reminders", self.reminders.as_ref());
        field(json, "next_id", self.next_id.as_ref());
    }

    #[cold]
    fn write_aliases(&self, json: &mut Vec<u8>) {
        for alias in self.aliases.iter() {
            let meaning = match (alias, self.completed) {
                (TaskAlias::Status, true) => "\"completed\"",
                (TaskAlias::Status, false) => "\"pending\"",
                (_, true) => "true",
                (_, false) => "false",
            };
            json.extend_from_slice(format!(",\"{}\":{meaning}", alias.name()).as_bytes());
        }
    }
}

/// Appends a value with `write`, or null.
fn or_null<T: ?Sized>(json: &mut Vec<u8>, value: Option<&T>, write: fn(&mut Vec<u8>, &T)) {
    match value {
        Some(value) => write(json, value),
        None => json.extend_from_slice(b"null"),
    }
}

/// Appends a field with its name, if it has a value.
fn field(json: &mut Vec<u8>, name: &str, of: Option<&impl Serialize>) {
    let Some(of) = of else { return };
    json.extend_from_slice(b",\"");
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
    value(json, of);
}

/// Appends a text, a number or a list of them. Writing these to memory cannot fail.
fn value(json: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(json, value);
}

/// Appends a text. The usual text without escapes takes a fraction of serde's time.
fn text(json: &mut Vec<u8>, text: &str) {
    // No early exit, so that the compiler can check sixteen bytes at a time.
    let escapes = text.bytes().fold(0, |found, byte| found | u8::from(matches!(byte, 0..b' ' | b'"' | b'\\')));
    if escapes == 0 {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        value(json, &text);
    }
}

/// The length in bytes from which it pays to give unused capacity back.
const LARGE: usize = 64 * 1024;

/// Returns a JSON array of these tasks.
pub(crate) fn array(tasks: Vec<tasks::Task>, aliases: TaskAliases) -> Bytes {
    let mut json = Vec::with_capacity(2 + tasks.len() * RESERVED);
    json.push(b'[');
    write_all(tasks, aliases, &mut json);
    json.push(b']');
    // An answer can wait for a slow client, and the capacity can be twice the length.
    if json.len() > LARGE {
        json.shrink_to_fit();
    }
    json.into()
}

/// Returns these tasks as elements of a JSON array. With `following`, they begin with the comma after the elements before them.
pub(crate) fn elements(tasks: Vec<tasks::Task>, aliases: TaskAliases, following: bool) -> Bytes {
    let mut json = Vec::with_capacity(1 + tasks.len() * RESERVED);
    if following && !tasks.is_empty() {
        json.push(b',');
    }
    write_all(tasks, aliases, &mut json);
    json.into()
}

fn write_all(tasks: Vec<tasks::Task>, aliases: TaskAliases, json: &mut Vec<u8>) {
    let mut is_first = true;
    for task in tasks {
        if !std::mem::take(&mut is_first) {
            json.push(b',');
        }
        write_task(task, aliases, json);
    }
}

/// Appends the JSON of a task.
pub(super) fn write_task(task: tasks::Task, aliases: TaskAliases, json: &mut Vec<u8>) {
    Task::new(task, aliases).write_json(json);
}

#[cfg(test)]
mod tests {
    use service::tasks::{LeadTime, ReminderInstant};

    use super::*;

    #[test]
    fn a_text_is_written_as_serde_writes_it_with_or_without_escapes() {
        for other in ('\0'..='\u{ff}').chain(['\u{2028}', '🦀']) {
            let text = format!("some{other}thing");
            let mut json = Vec::new();
            super::text(&mut json, &text);
            assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn a_task_is_written_as_serde_writes_it() {
        let time: DateTime<Utc> = "2026-01-31T09:30:00.123456Z".parse().unwrap();
        let plain = Task {
            id: -7,
            title: "\"quoted\" \u{1} ünï".to_owned(),
            description: None,
            completed: false,
            created_at: time,
            updated_at: time,
            priority: Priority::None,
            tags: Vec::new(),
            due_date: None,
            completed_at: None,
            version: 1_769_851_800_123_456,
            recurrence: None,
            time_zone: None,
            recurrence_from: None,
            missed: None,
            series_id: None,
            occurrence: None,
            reminders: None,
            next_id: None,
            aliases: TaskAliases::default(),
        };
        let recurring = Task {
            recurrence: Some("FREQ=WEEKLY".to_owned()),
            time_zone: Some("Europe/Berlin".to_owned()),
            recurrence_from: Some(RecurrenceFrom::Due),
            missed: Some(Missed::Keep),
            series_id: Some(7),
            occurrence: Some("2026-01-31".to_owned()),
            reminders: Some(vec![
                Reminder::Before(LeadTime::parse("PT15M").unwrap()),
                Reminder::At(ReminderInstant::parse("2026-01-31T09:00:00+01:00").unwrap()),
            ]),
            next_id: Some(9),
            ..plain.clone()
        };
        let reminded = Task { reminders: recurring.reminders.clone(), ..plain.clone() };
        let full = Task {
            description: Some("\n".to_owned()),
            completed: true,
            priority: Priority::High,
            tags: vec!["a".to_owned(), "\"".to_owned()],
            due_date: Some("2026-01-31".to_owned()),
            completed_at: Some(time),
            ..plain.clone()
        };
        for task in [plain, full, recurring, reminded] {
            let mut json = Vec::new();
            task.write_json(&mut json);
            assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&task).unwrap());
            let aliases = TaskAlias::ALL.into_iter().fold(TaskAliases::default(), TaskAliases::with);
            let mut with_aliases = Vec::new();
            Task { aliases, ..task.clone() }.write_json(&mut with_aliases);
            let mut expected = serde_json::to_value(&task).unwrap();
            for name in ["is_completed", "is_complete", "done"] {
                expected[name] = task.completed.into();
            }
            expected["status"] = if task.completed { "completed" } else { "pending" }.into();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&with_aliases).unwrap(), expected);
        }
    }
}
