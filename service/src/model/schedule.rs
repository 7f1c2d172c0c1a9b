use serde::{Deserialize, Serialize};

use super::{Change, Reminder, Task, Zone};
use crate::recurrence::{InvalidRecurrence, Missed, RecurFrom, Series, Slot};

/// The rule and the reminders of a task. As JSON it is stored with the task. A plain task has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The rule, if the task recurs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// The time zone of the reminders of a task that does not recur. [`Self::zone`] is the zone of either.
    #[serde(default, rename = "tz", skip_serializing_if = "Option::is_none")]
    pub(crate) own_zone: Option<Zone>,
    /// The reminders, at most [`Self::MAX_REMINDERS`]. The first one has the number 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminders: Vec<Reminder>,
    /// The id of the occurrence that the completion of this one made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

impl Schedule {
    /// The maximum number of reminders of a task.
    pub const MAX_REMINDERS: usize = 5;

    /// The time zone of the owner.
    #[must_use]
    pub fn zone(&self) -> Option<Zone> {
        self.series.as_ref().map(|series| series.zone).or(self.own_zone)
    }

    /// The schedule, unless it has neither a rule nor reminders.
    pub(crate) fn unless_empty(self) -> Option<Box<Self>> {
        (self.series.is_some() || !self.reminders.is_empty()).then(|| Box::new(self))
    }

    /// The text that is stored.
    pub(crate) fn to_stored(&self) -> String {
        // Texts and numbers always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses a stored text.
    pub(crate) fn from_stored(stored: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(stored)
    }

    /// The approximate number of bytes that the schedule takes as JSON.
    pub(crate) fn size(&self) -> usize {
        /// The names, the zone and the occurrence.
        const REST: usize = 200;
        let rule = self.series.as_ref().map_or(0, |series| series.rule.as_str().len());
        REST + rule + self.reminders.len() * 50
    }
}

/// A rule that a request sets. It is parsed when the due date and the time zone of the task are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleText {
    /// The text of the rule, or the word of a preset, see [`Recurrence::parse`](crate::recurrence::Recurrence::parse).
    pub text: String,
    /// The rule is ignored if the task has no due date or no time zone, instead of being refused.
    pub is_optional: bool,
}

/// The changes of a schedule: for each part, whether it is kept or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleChanges {
    /// The rule. `To(None)` ends the series.
    pub recurrence: Change<Option<RuleText>>,
    /// The time zone of the owner. A task with neither a rule nor reminders does not keep it.
    pub zone: Change<Option<Zone>>,
    /// The date from which INTERVAL counts. Without a rule it is ignored.
    pub from: Change<RecurFrom>,
    /// What happens to occurrences that have passed. Without a rule it is ignored.
    pub missed: Change<Missed>,
    /// The reminders. They replace all reminders of the task.
    pub reminders: Change<Vec<Reminder>>,
}

impl ScheduleChanges {
    /// Whether a plain task gets a schedule by these changes.
    pub(crate) fn adds(&self) -> bool {
        matches!(self.recurrence, Change::To(Some(_)))
            || self.reminders.value().is_some_and(|reminders| !reminders.is_empty())
    }
}

/// A part of the completed occurrences of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OccurrencePage {
    /// The tasks, the last occurrence first.
    pub tasks: Vec<Task>,
    /// The position of the next part; `None` if this is the last one.
    pub next: Option<Slot>,
}

/// The reason why a schedule cannot be changed so. Each message is the rest of a sentence that begins with [`Self::field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The rule is refused.
    #[error(transparent)]
    Rule(#[from] InvalidRecurrence),
    /// The task has no due date, and is to recur.
    #[error("needs a due_date, which is the first occurrence")]
    RuleWithoutDueDate,
    /// The due date of a recurring task is to be removed.
    #[error("cannot be removed from a recurring task: end the recurrence first")]
    DueDateOfSeries,
    /// The task has no due date, and is to have reminders before it.
    #[error("with `before` need a due_date")]
    ReminderWithoutDueDate,
    /// The due date of a task that has reminders before it is to be removed.
    #[error("cannot be removed from a task that has reminders before it: remove these first")]
    DueDateOfReminders,
    /// The task recurs or has reminders before its due date, and has no time zone.
    #[error("is required for a recurring task, and for reminders with `before`")]
    NoZone,
    /// There are more reminders than a task can have.
    #[error("must be at most {max}", max = Schedule::MAX_REMINDERS)]
    TooManyReminders,
}

impl InvalidSchedule {
    /// The name of the field that the message is about.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Rule(_) | Self::RuleWithoutDueDate => "recurrence",
            Self::DueDateOfSeries | Self::DueDateOfReminders => "due_date",
            Self::ReminderWithoutDueDate | Self::TooManyReminders => "reminders",
            Self::NoZone => "time_zone",
        }
    }
}
