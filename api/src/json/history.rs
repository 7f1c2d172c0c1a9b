use serde::{Deserialize, Serialize};
use service::tasks::{self, Reminder};
use utoipa::{IntoParams, ToSchema};

use super::Priority;
use super::list_query::limit;
use super::schedule::{Missed, RecurrenceFrom, ScheduleFields};
use super::schemas::{history_limit, reminders_before_or_after};
use crate::error::FieldError;
use crate::extract::Input;

/// The number of changes of a page, if `limit` is not sent.
const DEFAULT_LIMIT: u32 = 250;

/// How many changes of a task to list at a time, and from where.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ListHistory {
    /// The maximum number of changes of a page. The default is 250.
    #[serde(deserialize_with = "limit")]
    #[param(schema_with = history_limit, required = false)]
    limit: Option<u32>,
    /// The position after the previous page, from its `Link`.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

/// A request for a page of the history of a task, whose values are valid.
#[derive(Debug)]
pub struct HistoryRequest {
    /// The maximum number of changes.
    pub limit: u32,
    /// The position after the previous page, which is not decoded.
    pub cursor: Option<String>,
}

impl Input for ListHistory {
    type Checked = HistoryRequest;

    fn check(self, _: bool) -> Result<HistoryRequest, FieldError> {
        Ok(HistoryRequest { limit: self.limit.unwrap_or(DEFAULT_LIMIT), cursor: self.cursor })
    }
}

/// A change of a task.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The version of the task after the change: its number, in microseconds since 1970.
    version: i64,
    /// What the change did.
    kind: ChangeKind,
    /// The client that made the change for you: `azp` or `client_id` of its token. Null if the token named none.
    #[schema(required = true)]
    actor: Option<String>,
    /// The fields that changed. Empty if the task was deleted or restored, which changes no field.
    fields: ChangedFields,
}

/// What a change did to its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ChangeKind {
    /// It created the task.
    Created,
    /// It changed fields.
    Changed,
    /// It moved the task to the trash.
    Deleted,
    /// It restored the task from the trash.
    Restored,
}

/// The fields that changed, and only these. Those of a new task have no value before.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
struct ChangedFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<TextChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<TextChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<FlagChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<PriorityChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<TagsChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_date: Option<TextChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrence: Option<TextChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<TextChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrence_from: Option<RecurrenceFromChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<MissedChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series_id: Option<NumberChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurrence: Option<TextChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminders: Option<RemindersChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<NumberChange>,
}

/// Declares the change of a field from one value to another.
macro_rules! field_change {
    ($(#[$documentation:meta])* $name:ident, $value:ty) => {
        $(#[$documentation])*
        #[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
        struct $name {
            /// The value before, or null.
            #[schema(required = true)]
            from: Option<$value>,
            /// The value after, or null.
            #[schema(required = true)]
            to: Option<$value>,
        }

        impl $name {
            /// Returns the change, unless both values are the same.
            fn of(from: Option<$value>, to: Option<$value>) -> Option<Self> {
                if from == to { None } else { Some(Self { from, to }) }
            }
        }
    };
}

field_change!(
    /// The change of a text.
    TextChange, String
);
field_change!(
    /// The change of `completed`.
    FlagChange, bool
);
field_change!(
    /// The change of the priority.
    PriorityChange, Priority
);
field_change!(
    /// The change of the tags.
    TagsChange, Vec<String>
);

field_change!(
    /// The change of the date from which INTERVAL of a rule counts.
    RecurrenceFromChange, RecurrenceFrom
);
field_change!(
    /// The change of what happens to occurrences that have passed.
    MissedChange, Missed
);
field_change!(
    /// The change of a number.
    NumberChange, i64
);

/// The change of the reminders.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct RemindersChange {
    /// The reminders before, or null.
    #[schema(schema_with = reminders_before_or_after, required = true)]
    from: Option<Vec<Reminder>>,
    /// The reminders after, or null.
    #[schema(schema_with = reminders_before_or_after, required = true)]
    to: Option<Vec<Reminder>>,
}

impl RemindersChange {
    /// Returns the change, unless both values are the same.
    fn of(from: Option<Vec<Reminder>>, to: Option<Vec<Reminder>>) -> Option<Self> {
        if from == to { None } else { Some(Self { from, to }) }
    }
}

impl From<tasks::HistoryEntry> for HistoryEntry {
    fn from(entry: tasks::HistoryEntry) -> Self {
        let tasks::HistoryEntry { version, kind, actor, before, after } = entry;
        let kind = match kind {
            tasks::ChangeKind::Created => ChangeKind::Created,
            tasks::ChangeKind::Changed => ChangeKind::Changed,
            tasks::ChangeKind::Deleted => ChangeKind::Deleted,
            tasks::ChangeKind::Restored => ChangeKind::Restored,
        };
        let fields = match (kind, after) {
            (ChangeKind::Created | ChangeKind::Changed, Some(after)) => changed_fields(before, after),
            _ => ChangedFields::default(),
        };
        Self { version, kind, actor, fields }
    }
}

fn changed_fields(mut before: Option<tasks::Task>, mut after: tasks::Task) -> ChangedFields {
    let is_new = before.is_none();
    let old = before.as_mut().map(ScheduleFields::of).unwrap_or_default();
    let new = ScheduleFields::of(&mut after);
    // The fields of a new task that have their default are left out.
    let (completed, priority, tags) = (after.completed, Priority::from(after.priority), after.tags.into_inner());
    let has_default = |is_default: bool| is_new && is_default;
    let (mut title, mut description, mut was_completed, mut was_priority, mut was_tags, mut due_date) =
        Default::default();
    if let Some(before) = before {
        (title, description, due_date) =
            (Some(before.title), before.description, before.due.map(tasks::Due::into_inner));
        was_completed = Some(before.completed);
        (was_priority, was_tags) = (Some(before.priority.into()), Some(before.tags.into_inner()));
    }
    ChangedFields {
        title: TextChange::of(title, Some(after.title)),
        description: TextChange::of(description, after.description),
        completed: FlagChange::of(was_completed, Some(completed)).filter(|_| !has_default(!completed)),
        priority: PriorityChange::of(was_priority, Some(priority)).filter(|_| !has_default(priority == Priority::None)),
        due_date: TextChange::of(due_date, after.due.map(tasks::Due::into_inner)),
        tags: (!has_default(tags.is_empty())).then(|| TagsChange::of(was_tags, Some(tags))).flatten(),
        recurrence: TextChange::of(old.recurrence, new.recurrence),
        time_zone: TextChange::of(old.time_zone, new.time_zone),
        recurrence_from: RecurrenceFromChange::of(old.recurrence_from, new.recurrence_from),
        missed: MissedChange::of(old.missed, new.missed),
        series_id: NumberChange::of(old.series_id, new.series_id),
        occurrence: TextChange::of(old.occurrence, new.occurrence),
        reminders: RemindersChange::of(old.reminders, new.reminders),
        next_id: NumberChange::of(old.next_id, new.next_id),
    }
}
