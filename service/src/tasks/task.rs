use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Deserializer};

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
}

impl From<::entity::task::Model> for Task {
    fn from(row: ::entity::task::Model) -> Self {
        Self {
            id: row.id,
            title: row.title,
            description: row.description,
            completed: row.completed,
            created_at: row.created_at.to_utc(),
            updated_at: row.updated_at.to_utc(),
        }
    }
}

/// What a new task is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// What is to be done.
    pub title: Title,
    /// More about it.
    pub description: Option<Description>,
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

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Every task.
    #[default]
    All,
    /// Those that are not done.
    Pending,
    /// Those that are done.
    Completed,
}

/// The current time, in the microseconds that both databases keep.
pub(super) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
}
