use chrono_tz::{IANA_TZDB_VERSION, TZ_VARIANTS, Tz};
use migration::fold;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Description, Due, Priority, Tag};

/// The filter of a list. A task is in the list if it passes every part. The default lets every task pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// Whether completed, pending or all tasks pass.
    pub status: Status,
    /// The priorities that pass; every priority if empty.
    pub priorities: Vec<Priority>,
    /// The tags that a task must have, all of them.
    pub tags: Vec<Tag>,
    /// Tasks that are due before this pass. A day is due at its end.
    pub due_before: Option<Due>,
    /// Tasks that are due after this pass.
    pub due_after: Option<Due>,
    /// Tasks that are due in this period pass.
    pub due: Option<DueIn>,
    /// The time zone of the owner, in which days begin and end.
    pub zone: Zone,
    /// Tasks with this text in their title or description pass.
    pub search: Option<Search>,
}

impl Filter {
    /// Whether a task can pass or fail without a write, because time goes by.
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        matches!(self.due, Some(DueIn::Overdue | DueIn::Today | DueIn::Week))
    }
}

/// A filter by completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Status {
    /// Every task.
    #[default]
    All,
    /// Tasks that are not completed.
    Pending,
    /// Tasks that are completed.
    Completed,
}

/// A period relative to now in which a task is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DueIn {
    /// The past: the instant is over, or the day has ended, and the task is not completed.
    Overdue,
    /// Today.
    Today,
    /// Today and the six days after it.
    Week,
    /// The task has no due date.
    None,
}

/// A time zone of the IANA database. The default is UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone(Tz);

/// A text to search for, without case and accents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Search(String);

/// The text is not the name of a [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r#"must be a time zone of the IANA database ("Europe/Berlin")"#)]
pub struct InvalidZone;

/// The text is not a valid [`Search`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {max} characters long, without U+0000", max = Search::MAX_CHARS)]
pub struct InvalidSearch;

impl Zone {
    /// The release of the IANA database that is compiled in, such as `2025b`.
    pub const DATABASE: &'static str = IANA_TZDB_VERSION;

    /// Parses the name of a time zone of the IANA database, in any case.
    pub fn parse(name: &str) -> Result<Self, InvalidZone> {
        let in_any_case = || TZ_VARIANTS.iter().copied().find(|tz| tz.name().eq_ignore_ascii_case(name));
        name.parse().ok().or_else(in_any_case).map(Self).ok_or(InvalidZone)
    }

    /// The name in the spelling of the IANA database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The time zone.
    pub(crate) fn tz(self) -> Tz {
        self.0
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.name().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Search {
    /// The maximum length in characters (Unicode scalar values): the maximum length of the longest text that is searched.
    pub const MAX_CHARS: usize = Description::MAX_CHARS;

    /// Checks and folds a text. There is no other way to make a search.
    pub fn parse(text: &str) -> Result<Self, InvalidSearch> {
        let fits = text.chars().count() <= Self::MAX_CHARS && !text.contains('\0');
        if fits { Ok(Self(fold(text))) } else { Err(InvalidSearch) }
    }

    /// The folded text.
    pub(crate) fn folded(&self) -> &str {
        &self.0
    }
}
