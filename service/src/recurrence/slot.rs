use std::fmt::{self, Display, Formatter};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::moment;
use crate::model::{Due, DueKind, Zone};

/// What an occurrence stands for: a local day (`2026-03-29`) or a local time to the second (`2026-03-29T02:30:00`).
///
/// It is the time that the rule means, also if a clock change moved the due date. Slots of a series differ and rise. The order is
/// that of their texts; a day comes before the times of that day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    text: String,
    day: NaiveDate,
    time: Option<NaiveTime>,
}

/// The text is not a [`Slot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a day like 2026-03-29 or a time like 2026-03-29T02:30:00")]
pub struct InvalidSlot;

impl Slot {
    /// Parses a stored text.
    pub fn parse(text: &str) -> Result<Self, InvalidSlot> {
        let due = Due::parse(text).map_err(|_| InvalidSlot)?;
        match due.kind() {
            DueKind::Day(day) => Ok(Self::new(day, None)),
            DueKind::Wall(wall) if text.len() == 19 => Ok(Self::new(wall.date(), Some(wall.time()))),
            DueKind::Wall(_) | DueKind::Instant(_) => Err(InvalidSlot),
        }
    }

    /// The slot of a due date: its day or its wall time. An instant gives the time that the clocks of `zone` show, without
    /// fractions of a second.
    pub(super) fn of(due: &Due, zone: Zone) -> Self {
        let wall = match due.kind() {
            DueKind::Day(day) => return Self::new(day, None),
            DueKind::Wall(wall) => wall,
            DueKind::Instant(instant) => moment::shown(instant, zone),
        };
        Self::new(wall.date(), Some(wall.time()))
    }

    pub(super) fn new(day: NaiveDate, time: Option<NaiveTime>) -> Self {
        let time = time.and_then(|time| time.with_nanosecond(0));
        let text = match time {
            None => day.format("%Y-%m-%d").to_string(),
            Some(time) => day.and_time(time).format("%Y-%m-%dT%H:%M:%S").to_string(),
        };
        Self { text, day, time }
    }

    /// The text that is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is a day.
    #[must_use]
    pub fn is_day(&self) -> bool {
        self.time.is_none()
    }

    pub(super) fn day(&self) -> NaiveDate {
        self.day
    }

    pub(super) fn time(&self) -> Option<NaiveTime> {
        self.time
    }

    /// The local time. A day is its beginning.
    pub(super) fn wall(&self) -> NaiveDateTime {
        self.day.and_time(self.time.unwrap_or(NaiveTime::MIN))
    }
}

impl Display for Slot {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
