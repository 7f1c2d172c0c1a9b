use chrono::{DateTime, Datelike, Utc};
use migration::fold;
use serde::{Deserialize, Serialize};

use super::{Due, Priority, Task, Title};

/// The order of a list. The first key in which two tasks differ decides. If there is none, the id decides, in the direction of
/// the last key. The default is the newest task first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sort(Vec<SortBy>);

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SortBy {
    /// The compared field.
    pub key: SortKey,
    /// From high to low.
    pub descending: bool,
}

/// A field by which tasks can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SortKey {
    /// The time of creation.
    CreatedAt,
    /// The time of the last write.
    UpdatedAt,
    /// The due date: the instant, the wall time in UTC, or the end of the day in UTC. Tasks without a due date come last in both
    /// directions.
    DueDate,
    /// The priority, from none to high.
    Priority,
    /// The title without case and accents (see [`fold`]), by code point.
    Title,
}

/// A position in a list: right behind the task with these keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    keys: Vec<PositionKey>,
    id: i64,
}

/// Where a part of a list begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start<'a> {
    /// The beginning of the list.
    #[default]
    Beginning,
    /// Right behind the task of this position.
    Behind(&'a Position),
    /// Behind this number of tasks, at most [`MAX_OFFSET`]. The database reads them all, so a later part costs more.
    Offset(u32),
}

/// The maximum number of tasks that [`Start::Offset`] skips. It bounds the cost of a part.
pub const MAX_OFFSET: u32 = 10_000;

/// The value of one sort key at a [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PositionKey {
    /// Of [`SortKey::CreatedAt`], [`SortKey::UpdatedAt`] and [`SortKey::DueDate`].
    Time(DateTime<Utc>),
    /// Of [`SortKey::Priority`].
    Number(i16),
    /// Of [`SortKey::Title`].
    Text(String),
}

impl Default for Sort {
    fn default() -> Self {
        Self(vec![SortBy { key: SortKey::CreatedAt, descending: true }])
    }
}

impl Sort {
    /// An order by these keys. A repeated key is dropped, because it cannot decide anything more in either direction.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = SortBy>) -> Self {
        let mut sort = Vec::<SortBy>::new();
        for by in keys {
            if sort.iter().all(|earlier| earlier.key != by.key) {
                sort.push(by);
            }
        }
        if sort.is_empty() { Self::default() } else { Self(sort) }
    }

    /// The keys, the deciding one first. There is at least one.
    pub(crate) fn keys(&self) -> &[SortBy] {
        &self.0
    }

    /// Whether titles are compared.
    pub(crate) fn is_by_title(&self) -> bool {
        self.0.iter().any(|by| by.key == SortKey::Title)
    }

    /// Whether an index has this order.
    pub(crate) fn is_indexed(&self) -> bool {
        self.0.len() == 1 && self.0[0].key != SortKey::UpdatedAt
    }

    /// The position right behind `task`. `folded_title` is the stored sort value of its title: another version of this program
    /// may have folded it differently.
    pub(crate) fn position(&self, task: &Task, folded_title: Option<&str>) -> Position {
        Position { keys: self.0.iter().map(|by| by.key_of(task, folded_title)).collect(), id: task.id }
    }

    /// Whether a position has a value of the right type for each key, within the limits of the stored values. A position that a
    /// client made up is then only a bound value like any other.
    pub(crate) fn accepts(&self, position: &Position) -> bool {
        position.keys.len() == self.0.len() && self.0.iter().zip(&position.keys).all(|(by, key)| by.accepts(key))
    }
}

impl<'a> Start<'a> {
    /// The beginning of the list, or the place behind `after`.
    #[must_use]
    pub fn behind(after: Option<&'a Position>) -> Self {
        after.map_or(Self::Beginning, Self::Behind)
    }

    /// Whether the part begins with the first task of the list.
    pub(crate) fn is_beginning(self) -> bool {
        matches!(self, Self::Beginning | Self::Offset(0))
    }

    /// The position behind which the part begins.
    pub(crate) fn after(self) -> Option<&'a Position> {
        if let Self::Behind(position) = self { Some(position) } else { None }
    }

    /// The number of tasks that are skipped.
    pub(crate) fn offset(self) -> u32 {
        if let Self::Offset(tasks) = self { tasks.min(MAX_OFFSET) } else { 0 }
    }
}

impl Position {
    /// The position in the usual order that is right behind the task with this time of creation and this id.
    pub(crate) fn of_newest(created_at: DateTime<Utc>, id: i64) -> Self {
        Self { keys: vec![PositionKey::Time(created_at)], id }
    }

    /// The values of the sort keys.
    pub(crate) fn keys(&self) -> &[PositionKey] {
        &self.keys
    }

    /// The id of the task before this position.
    pub(crate) fn id(&self) -> i64 {
        self.id
    }
}

impl SortBy {
    fn key_of(self, task: &Task, folded_title: Option<&str>) -> PositionKey {
        match self.key {
            SortKey::CreatedAt => PositionKey::Time(task.created_at),
            SortKey::UpdatedAt => PositionKey::Time(task.updated_at),
            SortKey::Priority => PositionKey::Number(task.priority.to_stored()),
            SortKey::Title => PositionKey::Text(folded_title.map_or_else(|| fold(&task.title), str::to_owned)),
            SortKey::DueDate => {
                let none = if self.descending { Due::EARLIEST } else { Due::LATEST };
                PositionKey::Time(task.due.as_ref().map_or(none.and_utc(), Due::at))
            }
        }
    }

    fn accepts(self, key: &PositionKey) -> bool {
        /// Folding one character gives up to 18 (U+FDFA).
        const MAX_FOLDED_CHARS: usize = Title::MAX_CHARS * 18;
        match (self.key, key) {
            (SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::DueDate, PositionKey::Time(time)) => {
                (1..=9999).contains(&time.year())
            }
            (SortKey::Priority, PositionKey::Number(number)) => Priority::from_stored(*number).is_some(),
            (SortKey::Title, PositionKey::Text(text)) => {
                !text.contains('\0') && text.chars().count() <= MAX_FOLDED_CHARS
            }
            _ => false,
        }
    }
}
