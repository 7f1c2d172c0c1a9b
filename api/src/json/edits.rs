use serde::Deserialize;
use service::tasks::{Change, Changes, Description, Due, InvalidTag, InvalidText, NewTask, Tags, Title};
use utoipa::{IntoParams, ToSchema};

use super::Priority;
use super::invalid::Reason;
use super::schedule::{Missed, RecurrenceFrom, SentReminders, SentRule, SentSchedule};
use super::schemas::{
    description, new_due_date, recurrence_or_null, reminders_or_null, tags_or_null, time_zone_or_null, title,
};
use crate::compat::{Forms, TaskBody, check_offset};
use crate::error::FieldError;
use crate::extract::Input;

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
    /// How important the task is. Null is `none`. Case is ignored. `urgent` and `critical` are `high`, and `normal` is `medium`.
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
    /// How the task recurs.
    #[serde(default)]
    #[schema(schema_with = recurrence_or_null, required = false)]
    recurrence: Change<SentRule>,
    /// The time zone of the owner.
    #[serde(default)]
    #[schema(schema_with = time_zone_or_null, required = false)]
    time_zone: Change<Option<String>>,
    /// The date from which INTERVAL of the rule counts. Null is `due`.
    #[serde(default)]
    #[schema(value_type = Option<RecurrenceFrom>, required = false)]
    recurrence_from: Change<Option<RecurrenceFrom>>,
    /// What happens to occurrences that have passed when one is completed. Null is `skip`.
    #[serde(default)]
    #[schema(value_type = Option<Missed>, required = false)]
    missed: Change<Option<Missed>>,
    /// All reminders of the task.
    #[serde(default)]
    #[schema(schema_with = reminders_or_null, required = false)]
    reminders: Change<SentReminders>,
}

impl TaskBody for CreateTask {
    const FORMS: Forms = Forms::Fields;
}

impl Input for CreateTask {
    type Checked = NewTask;

    const REQUIRED: &'static [(&'static str, &'static str)] = &[("title", r#""t""#)];

    fn check(self, strict: bool) -> Result<NewTask, FieldError> {
        let schedule = SentSchedule {
            recurrence: self.recurrence,
            time_zone: self.time_zone,
            recurrence_from: self.recurrence_from,
            missed: self.missed,
            reminders: self.reminders,
        };
        Ok(NewTask {
            title: Title::parse(self.title)?,
            description: self.description.map(Description::parse).transpose()?,
            priority: self.priority.unwrap_or_default().into(),
            tags: Tags::parse(self.tags.unwrap_or_default())?,
            due: due(self.due_date, strict)?,
            schedule: schedule.check(strict)?,
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
    /// Whether the task is completed. If it is not sent, `is_completed`, `is_complete` or `done` (true or false) or `status`
    /// ("completed" or "pending") is used instead.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    completed: Change<bool>,
    /// How important the task is. Null is `none`. Case is ignored. `urgent` and `critical` are `high`, and `normal` is `medium`.
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
    /// How the task recurs.
    #[serde(default)]
    #[schema(schema_with = recurrence_or_null, required = false)]
    recurrence: Change<SentRule>,
    /// The time zone of the owner.
    #[serde(default)]
    #[schema(schema_with = time_zone_or_null, required = false)]
    time_zone: Change<Option<String>>,
    /// The date from which INTERVAL of the rule counts. Null is `due`.
    #[serde(default)]
    #[schema(value_type = Option<RecurrenceFrom>, required = false)]
    recurrence_from: Change<Option<RecurrenceFrom>>,
    /// What happens to occurrences that have passed when one is completed. Null is `skip`.
    #[serde(default)]
    #[schema(value_type = Option<Missed>, required = false)]
    missed: Change<Option<Missed>>,
    /// All reminders of the task.
    #[serde(default)]
    #[schema(schema_with = reminders_or_null, required = false)]
    reminders: Change<SentReminders>,
}

impl TaskBody for UpdateTask {
    const FORMS: Forms = Forms::FieldsAndCompleted;
}

impl Input for UpdateTask {
    type Checked = Changes;

    fn check(self, strict: bool) -> Result<Changes, FieldError> {
        let schedule = SentSchedule {
            recurrence: self.recurrence,
            time_zone: self.time_zone,
            recurrence_from: self.recurrence_from,
            missed: self.missed,
            reminders: self.reminders,
        };
        Ok(Changes {
            title: self.title.try_map(Title::parse)?,
            description: self.description.try_map(|text| text.map(Description::parse).transpose())?,
            completed: self.completed,
            priority: self.priority.map(|priority| priority.unwrap_or_default().into()),
            tags: self.tags.try_map(|tags| Tags::parse(tags.unwrap_or_default()))?,
            due: self.due_date.try_map(|text| due(text, strict))?,
            schedule: schedule.check(strict)?,
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

impl TaskBody for Completed {}

impl Input for Completed {
    type Checked = Self;

    fn check(self, _: bool) -> Result<Self, FieldError> {
        Ok(self)
    }
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

/// What to delete with a task.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct DeleteTask {
    /// True to delete all open tasks of the series, which ends. Without it, deleting an open occurrence skips it: the next one is
    /// created. A task that does not recur is deleted in both cases.
    #[param(value_type = bool, required = false)]
    series: bool,
}

impl Input for DeleteTask {
    type Checked = bool;

    fn check(self, _: bool) -> Result<bool, FieldError> {
        Ok(self.series)
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

impl Input for DeleteTasks {
    type Checked = Self;

    fn check(self, _: bool) -> Result<Self, FieldError> {
        Ok(self)
    }
}

/// Parses a due date. An empty text is no date, because forms send one for an emptied date field.
fn due(text: Option<String>, strict: bool) -> Result<Option<Due>, FieldError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if strict {
        check_offset(&text).map_err(|reason| invalid_due(&reason))?;
    }
    Due::parse(text).map(Some).map_err(|reason| invalid_due(&reason))
}

/// Makes the mistake of a due date. Forms show it to people, so it begins with the name that they know.
fn invalid_due(reason: &impl Reason) -> FieldError {
    FieldError::of_body("due_date", reason.code(), format!("Due date {reason}"))
}

impl From<InvalidText> for FieldError {
    fn from(invalid: InvalidText) -> Self {
        let field = match invalid {
            InvalidText::Blank { field } | InvalidText::TooLong { field, .. } | InvalidText::Nul { field } => field,
        };
        Self::of_body(field, invalid.code(), invalid.to_string())
    }
}

impl From<InvalidTag> for FieldError {
    fn from(invalid: InvalidTag) -> Self {
        Self::of_body("tags", invalid.code(), format!("tags {invalid}"))
    }
}
