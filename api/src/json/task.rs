//! The JSON of tasks: what front ends send and see.

use actix_web::body::BoxBody;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service::tasks::{self, Change, Changes, Description, Due, InvalidTag, InvalidText, NewTask, Tags, Title};
use utoipa::{IntoParams, ToSchema};

use super::time::{self, rfc3339, rfc3339_or_null};
use crate::error::Error;
use crate::json::schema::{description, due_date_or_null, new_due_date, tags_or_null, title};
use crate::server::headers::JSON;

/// A task of yours.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
    "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z",
    "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01", "completed_at": null
}))]
pub struct Task {
    /// Rising, never used twice.
    pub id: i64,
    /// What is to be done, exactly as it was sent.
    pub title: String,
    /// More about it, exactly as it was sent, or null.
    #[schema(required = true)]
    pub description: Option<String>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was created (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// When it was last changed (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    /// How much it matters.
    pub priority: Priority,
    /// Its labels, in the order that they were sent in.
    pub tags: Vec<String>,
    /// When it is to be done, in the form that was sent: a day, wherever you are, or an RFC 3339 instant.
    #[schema(schema_with = due_date_or_null, required = true)]
    pub due_date: Option<String>,
    /// Since when it is done (RFC 3339, UTC, microseconds), or null where it is not.
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(required = true)]
    pub completed_at: Option<DateTime<Utc>>,
}

/// How much a task matters, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Nobody has said.
    #[default]
    None,
    /// It can wait.
    Low,
    /// It should be done.
    Medium,
    /// It must be done.
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

impl From<tasks::Task> for Task {
    fn from(task: tasks::Task) -> Self {
        Self {
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
        }
    }
}

/// Bytes that are kept free for a task; most take less.
pub(crate) const ROOM: usize = 320;

impl Responder for Task {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.answer(&mut HttpResponse::Ok())
    }
}

impl Task {
    /// This answer, with the task as its body.
    pub(crate) fn answer(&self, answer: &mut HttpResponseBuilder) -> HttpResponse {
        let mut json = Vec::with_capacity(ROOM);
        self.write_json(&mut json);
        answer.insert_header(JSON).body(json)
    }

    /// Appends what serde makes of it, in half the time: the names of the fields are neither escaped nor copied twice.
    pub(crate) fn write_json(&self, json: &mut Vec<u8>) {
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
        json.push(b'}');
    }
}

/// Written by `write`, or null.
fn or_null<T: ?Sized>(json: &mut Vec<u8>, what: Option<&T>, write: fn(&mut Vec<u8>, &T)) {
    match what {
        Some(what) => write(json, what),
        None => json.extend_from_slice(b"null"),
    }
}

/// Texts and numbers, into memory: it cannot fail.
fn value(json: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(json, value);
}

/// A text; one that needs no escapes, as most do, in a fraction of the time.
fn text(json: &mut Vec<u8>, text: &str) {
    // Without an early end: so the compiler looks at sixteen bytes at a time.
    let escapes = text.bytes().fold(0, |found, byte| found | u8::from(matches!(byte, 0..b' ' | b'"' | b'\\')));
    if escapes == 0 {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        value(json, &text);
    }
}

/// A new task.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateTask {
    /// What is to be done; not blank. Characters are Unicode scalar values.
    #[schema(schema_with = title)]
    title: String,
    /// More about it.
    #[serde(default)]
    #[schema(schema_with = description)]
    description: Option<String>,
    /// How much it matters; null is `none`.
    #[serde(default)]
    priority: Option<Priority>,
    /// Its labels; null is none at all.
    #[serde(default)]
    #[schema(schema_with = tags_or_null)]
    tags: Option<Vec<String>>,
    /// When it is to be done.
    #[serde(default)]
    #[schema(schema_with = new_due_date)]
    due_date: Option<String>,
}

impl TryFrom<CreateTask> for NewTask {
    type Error = Error;

    fn try_from(body: CreateTask) -> Result<Self, Error> {
        Ok(Self {
            title: Title::parse(body.title)?,
            description: body.description.map(Description::parse).transpose()?,
            priority: body.priority.unwrap_or_default().into(),
            tags: Tags::parse(body.tags.unwrap_or_default())?,
            due: due(body.due_date)?,
        })
    }
}

/// A partial update: what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateTask {
    /// What is to be done; not blank.
    #[serde(default)]
    #[schema(schema_with = title, required = false)]
    title: Change<String>,
    /// More about it; null removes it.
    #[serde(default)]
    #[schema(schema_with = description, required = false)]
    description: Change<Option<String>>,
    /// Whether it is done.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    completed: Change<bool>,
    /// How much it matters; null is `none`.
    #[serde(default)]
    #[schema(value_type = Option<Priority>, required = false)]
    priority: Change<Option<Priority>>,
    /// Its labels, all of them; null removes them.
    #[serde(default)]
    #[schema(schema_with = tags_or_null, required = false)]
    tags: Change<Option<Vec<String>>>,
    /// When it is to be done; null removes it.
    #[serde(default)]
    #[schema(schema_with = new_due_date, required = false)]
    due_date: Change<Option<String>>,
}

impl TryFrom<UpdateTask> for Changes {
    type Error = Error;

    fn try_from(body: UpdateTask) -> Result<Self, Error> {
        Ok(Self {
            title: body.title.try_map(Title::parse)?,
            description: body.description.try_map(|text| text.map(Description::parse).transpose())?,
            completed: body.completed,
            priority: body.priority.map(|priority| priority.unwrap_or_default().into()),
            tags: body.tags.try_map(|tags| Tags::parse(tags.unwrap_or_default()))?,
            due: body.due_date.try_map(due)?,
        })
    }
}

/// Whether the task is done, instead of flipping it.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub struct Completed {
    /// Sets `completed` to this instead of flipping it, so that repeating the request is safe.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    #[param(value_type = bool, required = false)]
    pub(crate) completed: Change<bool>,
}

/// How many tasks a request changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Count)]
pub struct Counted {
    /// How many tasks.
    pub count: u64,
}

/// An empty text is what an emptied date field of a form sends.
fn due(text: Option<String>) -> Result<Option<Due>, Error> {
    let due = text.filter(|text| !text.is_empty()).map(Due::parse).transpose();
    due.map_err(|invalid| Error::invalid("invalid_field", format!("due_date {invalid}")))
}

impl From<InvalidText> for Error {
    fn from(invalid: InvalidText) -> Self {
        Self::invalid("invalid_field", invalid.to_string())
    }
}

impl From<InvalidTag> for Error {
    fn from(invalid: InvalidTag) -> Self {
        Self::invalid("invalid_field", format!("tags {invalid}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_as_serde_does_whatever_needs_an_escape() {
        for other in ('\0'..='\u{ff}').chain(['\u{2028}', '🦀']) {
            let text = format!("some{other}thing");
            let mut json = Vec::new();
            super::text(&mut json, &text);
            assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn a_task_is_written_as_serde_does() {
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
        };
        let full = Task {
            description: Some("\n".to_owned()),
            completed: true,
            priority: Priority::High,
            tags: vec!["a".to_owned(), "\"".to_owned()],
            due_date: Some("2026-01-31".to_owned()),
            completed_at: Some(time),
            ..plain.clone()
        };
        for task in [plain, full] {
            let mut json = Vec::new();
            task.write_json(&mut json);
            assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&task).unwrap());
        }
    }
}
