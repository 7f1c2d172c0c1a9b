use serde::Deserialize;
use service::tasks::{Change, Changes, Description, Due, InvalidTag, InvalidText, NewTask, Tags, Title};
use utoipa::{IntoParams, ToSchema};

use super::Priority;
use super::schemas::{description, new_due_date, tags_or_null, title};
use crate::error::Error;

/// A new task.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateTask {
    /// What is to be done. It must not be blank. Characters are Unicode scalar values.
    #[schema(schema_with = title)]
    title: String,
    /// More about the task.
    #[serde(default)]
    #[schema(schema_with = description)]
    description: Option<String>,
    /// How important the task is. Null is `none`.
    #[serde(default)]
    priority: Option<Priority>,
    /// The labels of the task. Null is no label.
    #[serde(default)]
    #[schema(schema_with = tags_or_null)]
    tags: Option<Vec<String>>,
    /// When the task is due.
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

/// A partial update. Absent fields stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateTask {
    /// What is to be done. It must not be blank.
    #[serde(default)]
    #[schema(schema_with = title, required = false)]
    title: Change<String>,
    /// More about the task. Null removes it.
    #[serde(default)]
    #[schema(schema_with = description, required = false)]
    description: Change<Option<String>>,
    /// Whether the task is completed.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    completed: Change<bool>,
    /// How important the task is. Null is `none`.
    #[serde(default)]
    #[schema(value_type = Option<Priority>, required = false)]
    priority: Change<Option<Priority>>,
    /// All labels of the task. Null removes them.
    #[serde(default)]
    #[schema(schema_with = tags_or_null, required = false)]
    tags: Change<Option<Vec<String>>>,
    /// When the task is due. Null removes the due date.
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

/// The value to set `completed` to, instead of flipping it.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub struct Completed {
    /// Sets `completed` to this instead of flipping it, so that repeating the request is safe.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    #[param(value_type = bool, required = false)]
    completed: Change<bool>,
}

impl Completed {
    /// Returns the value of `body`, or that of `query` if the body has none.
    pub(crate) fn first_of(body: &Self, query: &Self) -> Change<bool> {
        match body.completed {
            Change::To(completed) => Change::To(completed),
            Change::Keep => query.completed,
        }
    }
}

/// Which tasks to delete. It is required, so that no tasks are deleted by mistake.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteTasks {
    /// `completed` for the completed tasks. No other tasks can be deleted in bulk.
    #[param(inline)]
    #[serde(rename = "status")]
    _status: Deletable,
}

/// The tasks that can be deleted in bulk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Deletable {
    Completed,
}

/// Parses a due date. An empty text is no date, because forms send one for an emptied date field.
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
