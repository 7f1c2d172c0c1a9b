//! The JSON of tasks: what front ends send and see.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use service::tasks::{self, Change, Changes, Description, InvalidText, NewTask, Title};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};

use crate::error::Error;

/// A task of yours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
    "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z"
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
}

impl From<tasks::Task> for Task {
    fn from(task: tasks::Task) -> Self {
        let tasks::Task { id, title, description, completed, created_at, updated_at } = task;
        Self { id, title, description, completed, created_at, updated_at }
    }
}

/// With `Z`: without it JavaScript reads local time. Always six digits, so that the text sorts as the time does.
fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
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
}

impl TryFrom<CreateTask> for NewTask {
    type Error = Error;

    fn try_from(body: CreateTask) -> Result<Self, Error> {
        Ok(Self {
            title: Title::parse(body.title)?,
            description: body.description.map(Description::parse).transpose()?,
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
}

impl TryFrom<UpdateTask> for Changes {
    type Error = Error;

    fn try_from(body: UpdateTask) -> Result<Self, Error> {
        Ok(Self {
            title: body.title.try_map(Title::parse)?,
            description: body.description.try_map(|text| text.map(Description::parse).transpose())?,
            completed: body.completed,
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
    pub(super) completed: Change<bool>,
}

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListTasks {
    /// Only these tasks; without it all of them.
    #[serde(default)]
    #[param(inline, required = false)]
    pub(super) status: Status,
}

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every task.
    #[default]
    All,
    /// Those that are not done.
    Pending,
    /// Those that are done.
    Completed,
}

impl From<Status> for tasks::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::All => Self::All,
            Status::Pending => Self::Pending,
            Status::Completed => Self::Completed,
        }
    }
}

impl From<InvalidText> for Error {
    fn from(invalid: InvalidText) -> Self {
        Self::invalid("invalid_field", invalid.to_string())
    }
}

/// The rules of [`Title`], so that the document cannot differ from them.
fn title() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What is to be done: not blank, no U+0000. Lengths count Unicode scalar values."))
        .min_length(Some(1))
        .max_length(Some(Title::MAX_CHARS))
        .pattern(Some(Title::PATTERN))
        .into()
}

/// The rules of [`Description`].
fn description() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("More about it: no U+0000. Lengths count Unicode scalar values."))
        .max_length(Some(Description::MAX_CHARS))
        .pattern(Some(Description::PATTERN))
        .into()
}
