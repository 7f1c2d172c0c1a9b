use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Task;

/// A part of the feed of a caller's changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// The tasks that were changed or deleted, in the order of their last changes, each once and as it is now. Between them the
    /// reminders that have fired, each of a task that still exists.
    pub items: Vec<FeedItem>,
    /// The state that a replica has reached with these changes, from which the next part goes on.
    pub state: i64,
    /// Whether there are changes after this state. A part without changes can have more behind it.
    pub has_more: bool,
}

/// The last change of a task, or a reminder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedItem {
    /// The task was created or changed. This is the task as it is now.
    Changed(Task),
    /// The task was deleted.
    Deleted {
        /// The id of the task.
        id: i64,
        /// The number of the deletion.
        version: i64,
    },
    /// A reminder of the task has fired. Unlike the others, it is in the feed also if the task was changed since.
    Reminded(FiredReminder),
}

/// A reminder that has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FiredReminder {
    /// The id of the task.
    pub task_id: i64,
    /// The number of the change, which is not a version of the task.
    pub version: i64,
    /// The number of the reminder among those of the task, from 1.
    pub number: i16,
    /// The time for which it was set.
    pub at: DateTime<Utc>,
    /// The seconds by which it fired later than that, if there are more than [`Self::MAX_SECONDS_ON_TIME`].
    pub late_by: Option<i64>,
}

impl FiredReminder {
    /// The seconds after its time up to which a reminder is on time.
    pub const MAX_SECONDS_ON_TIME: i64 = 10;
}

/// What the log has of a reminder that has fired, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoggedReminder {
    n: i16,
    /// Microseconds since 1970.
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_by: Option<i64>,
}

impl LoggedReminder {
    /// The reminder with this number that was set for a time, and fired at another. Both are microseconds since 1970.
    pub(crate) fn new(n: i16, at: i64, fired_at: i64) -> Self {
        let seconds = fired_at.saturating_sub(at) / 1_000_000;
        Self { n, at, late_by: Some(seconds).filter(|seconds| *seconds > FiredReminder::MAX_SECONDS_ON_TIME) }
    }

    /// Whether it fired late.
    pub(crate) fn is_late(&self) -> bool {
        self.late_by.is_some()
    }

    /// The text that is stored.
    pub(crate) fn to_stored(self) -> String {
        // Numbers always serialize.
        serde_json::to_string(&self).unwrap_or_default()
    }

    /// The reminder of a stored text, of this task and change.
    pub(crate) fn fired(stored: &str, task_id: i64, version: i64) -> Result<FiredReminder, serde_json::Error> {
        let Self { n, at, late_by } = serde_json::from_str(stored)?;
        let at = DateTime::from_timestamp_micros(at).unwrap_or_default();
        Ok(FiredReminder { task_id, version, number: n, at, late_by })
    }
}

impl FeedItem {
    /// Returns the number of the change.
    #[must_use]
    pub fn version(&self) -> i64 {
        match self {
            Self::Changed(task) => task.version(),
            Self::Deleted { version, .. } | Self::Reminded(FiredReminder { version, .. }) => *version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_is_late_after_more_than_ten_seconds_and_is_read_as_it_was_stored() {
        let late_by = |micros: i64| LoggedReminder::new(1, 1_000_000, 1_000_000 + micros).late_by;
        assert_eq!([-1, 0, 10_999_999, 11_000_000].map(late_by), [None, None, None, Some(11)]);
        for (fired_at, text) in [(7, r#"{"n":2,"at":7}"#), (20_000_007, r#"{"n":2,"at":7,"late_by":20}"#)] {
            let logged = LoggedReminder::new(2, 7, fired_at);
            assert_eq!(logged.to_stored(), text);
            let fired = LoggedReminder::fired(text, 5, 9).unwrap();
            assert_eq!((fired.task_id, fired.version, fired.number, fired.late_by), (5, 9, 2, logged.late_by));
            assert_eq!(fired.at.timestamp_micros(), 7);
        }
    }
}
