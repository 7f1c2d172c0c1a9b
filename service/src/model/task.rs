use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use super::{Description, Due, Priority, Schedule, ScheduleChanges, Tags, Title};
use crate::recurrence::Slot;

/// A task as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The id. The database assigns it; ids rise and are never reused.
    pub id: i64,
    /// See [`Title`].
    pub title: String,
    /// See [`Description`].
    pub description: Option<String>,
    /// Whether the task is completed.
    pub completed: bool,
    /// The time of creation, in microseconds. It never changes.
    pub created_at: DateTime<Utc>,
    /// The time of the last write, in microseconds. Every write moves it forward.
    pub updated_at: DateTime<Utc>,
    /// The time since when the task is completed; `None` if it is not.
    pub completed_at: Option<DateTime<Utc>>,
    /// See [`Priority`].
    pub priority: Priority,
    /// See [`Tags`].
    pub tags: Tags,
    /// See [`Due`].
    pub due: Option<Due>,
    /// The series to which the task belongs or belonged: the number of the write with which the series began.
    pub series_id: Option<i64>,
    /// What the task stands for in its series.
    pub occurrence: Option<Box<Slot>>,
    /// The rule and the reminders; `None` for a plain task.
    pub schedule: Option<Box<Schedule>>,
}

impl Task {
    /// The version: the number of the last write, which is its time in microseconds since 1970. It only rises.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.updated_at.timestamp_micros()
    }

    /// The approximate number of bytes that the task takes as JSON.
    pub(crate) fn size(&self) -> usize {
        /// The names, the times and the numbers.
        const REST: usize = 280;
        let description = self.description.as_deref().map_or(0, escaped_length);
        let tags: usize = self.tags.iter().map(|tag| escaped_length(tag) + 3).sum();
        let schedule = self.schedule.as_ref().map_or(0, |schedule| schedule.size());
        REST + escaped_length(&self.title) + description + tags + schedule
    }

    /// A task for tests, written once, at this time in microseconds.
    #[cfg(test)]
    pub(crate) fn of_test(id: i64, at: i64) -> Self {
        let time = DateTime::from_timestamp_micros(at).unwrap();
        Self {
            id,
            title: "t".to_owned(),
            description: None,
            completed: false,
            created_at: time,
            updated_at: time,
            completed_at: None,
            priority: Priority::None,
            tags: Tags::default(),
            due: None,
            series_id: None,
            occurrence: None,
            schedule: None,
        }
    }
}

/// The length of a text in bytes as a JSON string. Each control character counts as its longest form.
fn escaped_length(text: &str) -> usize {
    /// The further bytes of this many are fewer than 256, so a `u8` holds their sum, which is several times as fast.
    const BYTES: usize = 32;
    let further = |byte: &u8| 5 * u8::from(*byte <= 0x1f) + u8::from(matches!(*byte, b'"' | b'\\'));
    let escaped = text.as_bytes().chunks(BYTES).map(|bytes| usize::from(bytes.iter().map(further).sum::<u8>()));
    text.len() + escaped.sum::<usize>()
}

/// The fields of a new task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// See [`Title`].
    pub title: Title,
    /// See [`Description`].
    pub description: Option<Description>,
    /// See [`Priority`].
    pub priority: Priority,
    /// See [`Tags`].
    pub tags: Tags,
    /// See [`Due`].
    pub due: Option<Due>,
    /// See [`ScheduleChanges`].
    pub schedule: Option<Box<ScheduleChanges>>,
}

impl NewTask {
    /// A task with a title and the default of every other field.
    #[must_use]
    pub fn new(title: Title) -> Self {
        Self {
            title,
            description: None,
            priority: Priority::default(),
            tags: Tags::default(),
            due: None,
            schedule: None,
        }
    }
}

/// A partial update: for each field, whether it is kept or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// See [`Title`].
    pub title: Change<Title>,
    /// See [`Description`]. `To(None)` removes it.
    pub description: Change<Option<Description>>,
    /// Whether the task is completed.
    pub completed: Change<bool>,
    /// See [`Priority`].
    pub priority: Change<Priority>,
    /// See [`Tags`]. They replace all tags of the task.
    pub tags: Change<Tags>,
    /// See [`Due`]. `To(None)` removes it.
    pub due: Change<Option<Due>>,
    /// See [`ScheduleChanges`]. `None` changes nothing.
    pub schedule: Option<Box<ScheduleChanges>>,
}

/// A new task is a change of every field, so that one description of the columns serves both.
impl From<NewTask> for Changes {
    fn from(new: NewTask) -> Self {
        let NewTask { title, description, priority, tags, due, schedule } = new;
        Self {
            title: Change::To(title),
            description: Change::To(description),
            completed: Change::To(false),
            priority: Change::To(priority),
            tags: Change::To(tags),
            due: Change::To(due),
            schedule,
        }
    }
}

/// The change of one field. Absent is not null: an absent field is kept, null is a value to set.
///
/// As a serde field it needs `#[serde(default)]`, which turns an absent field into [`Change::Keep`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Keeps the field.
    #[default]
    Keep,
    /// Sets the field to this value.
    To(T),
}

impl<T> Change<T> {
    /// The new value, if there is one.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Keep => None,
            Self::To(value) => Some(value),
        }
    }

    /// Converts the new value, if there is one.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::To(value) => Change::To(convert(value)),
        }
    }

    /// Converts the new value, if there is one, with a function that can fail.
    ///
    /// # Errors
    /// The error of `convert`.
    pub fn try_map<U, E>(self, convert: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        match self {
            Self::Keep => Ok(Change::Keep),
            Self::To(value) => convert(value).map(Change::To),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::To)
    }
}

#[cfg(test)]
mod tests {
    use super::escaped_length;

    #[test]
    fn the_length_of_an_escaped_text_counts_quotes_twice_and_control_characters_six_times() {
        assert_eq!(escaped_length(""), 0);
        assert_eq!(escaped_length("ä\u{7f}"), 3);
        assert_eq!(escaped_length(&"\u{1f}".repeat(100)), 600);
        assert_eq!(escaped_length(&"\"\\".repeat(100)), 400);
    }
}
