use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Deserializer};

use super::due::Due;
use super::priority::Priority;
use super::tag::Tags;
use super::text::{Description, Title};

/// A task, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Given by the database, rising, never given out twice.
    pub id: i64,
    /// See [`Title`].
    pub title: String,
    /// See [`Description`].
    pub description: Option<String>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was created; never changes. Microseconds.
    pub created_at: DateTime<Utc>,
    /// When it was last written; every write moves it forward. Microseconds.
    pub updated_at: DateTime<Utc>,
    /// Since when it is done; `None` where it is not.
    pub completed_at: Option<DateTime<Utc>>,
    /// How much it matters.
    pub priority: Priority,
    /// See [`Tags`].
    pub tags: Tags,
    /// When it is to be done.
    pub due: Option<Due>,
}

/// What a new task is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// What is to be done.
    pub title: Title,
    /// More about it.
    pub description: Option<Description>,
    /// How much it matters.
    pub priority: Priority,
    /// Its labels.
    pub tags: Tags,
    /// When it is to be done.
    pub due: Option<Due>,
}

impl NewTask {
    /// A task of which nothing but the title is known.
    #[must_use]
    pub fn new(title: Title) -> Self {
        Self { title, description: None, priority: Priority::default(), tags: Tags::default(), due: None }
    }
}

/// A partial update: what to do with each field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is to be done.
    pub title: Change<Title>,
    /// More about it; `To(None)` removes it.
    pub description: Change<Option<Description>>,
    /// Whether it is done.
    pub completed: Change<bool>,
    /// How much it matters.
    pub priority: Change<Priority>,
    /// Its labels, all of them.
    pub tags: Change<Tags>,
    /// When it is to be done; `To(None)` removes it.
    pub due: Change<Option<Due>>,
}

/// What an update does with one field. Absent is not null: the first keeps the field, the second is a value to set.
///
/// As a serde field it needs `#[serde(default)]`, which makes an absent field [`Change::Keep`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Set it to this value.
    To(T),
}

impl<T> Change<T> {
    /// Turns the new value, if there is one, into another.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::To(value) => Change::To(convert(value)),
        }
    }

    /// Turns the new value, if there is one, into another type.
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

/// The current time, in the microseconds that both databases keep.
pub(super) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
}
