use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use super::DueBound;
use super::due_bound::next;

/// The due date of a task: a day or a wall time, both in the time zone of the owner, or an instant. It keeps the text that was
/// sent. The length of the text is that of its form: 10 for a day, 16 or 19 for a wall time, and at least 20 for an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    text: String,
    kind: DueKind,
}

/// The three forms of a due date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DueKind {
    Day(NaiveDate),
    Wall(NaiveDateTime),
    Instant(DateTime<Utc>),
}

/// The text is not a [`Due`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a day like 2026-01-31 or a time like 2026-01-31T10:00")]
pub struct InvalidDue;

impl Due {
    /// The maximum length of the text of an instant in bytes. Any number of decimals of a second is allowed up to this length.
    pub const MAX_CHARS: usize = 64;
    /// The sort value of "no due date" if it comes after every due date.
    pub(crate) const LATEST: NaiveDateTime = date_time(9999, 12, 31, END_OF_DAY);
    /// The sort value of "no due date" if it comes before every due date.
    pub(crate) const EARLIEST: NaiveDateTime = date_time(1, 1, 1, NaiveTime::MIN);

    /// Parses a `full-date` or a `date-time` of RFC 3339, section 5.6, or a wall time: a `date-time` without its offset, and
    /// without its seconds or with whole seconds, as `<input type="datetime-local">` gives it.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidDue> {
        let text = text.into();
        let kind = match text.len() {
            10 => day(&text).map(DueKind::Day),
            16 => wall(&format!("{text}:00")).map(DueKind::Wall),
            19 => wall(&text).map(DueKind::Wall),
            20..=Self::MAX_CHARS => instant(&text).map(DueKind::Instant),
            _ => None,
        };
        Ok(Self { kind: kind.ok_or(InvalidDue)?, text })
    }

    /// Whether this is a wall time, which RFC 3339 does not have.
    #[must_use]
    pub fn is_wall_time(&self) -> bool {
        matches!(self.kind, DueKind::Wall(_))
    }

    /// The form of the due date, with its value.
    pub(crate) fn kind(&self) -> DueKind {
        self.kind
    }

    /// The instant, if it is one.
    pub(crate) fn instant(&self) -> Option<DateTime<Utc>> {
        match self.kind {
            DueKind::Instant(instant) => Some(instant),
            DueKind::Day(_) | DueKind::Wall(_) => None,
        }
    }

    /// The text as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as it was sent.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.text
    }

    /// The sort value, which does not depend on the time zone of the owner: the instant, the wall time in UTC, or the end of the
    /// day in UTC. It has microseconds and lies strictly between [`Self::EARLIEST`] and [`Self::LATEST`].
    pub(crate) fn at(&self) -> DateTime<Utc> {
        let sorted = match self.kind {
            DueKind::Day(day) => day.and_time(END_OF_DAY),
            DueKind::Wall(wall) => wall,
            DueKind::Instant(instant) => {
                DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant).naive_utc()
            }
        };

        sorted.clamp(Self::EARLIEST + TimeDelta::microseconds(1), Self::LATEST - TimeDelta::microseconds(1)).and_utc()
    }

    /// The bound before which tasks are due that are due before this.
    pub(crate) fn begin(&self, tz: Tz) -> DueBound {
        match self.kind {
            DueKind::Day(day) => DueBound::of_day(day, tz),
            DueKind::Wall(wall) => DueBound::of_wall(wall, tz),
            DueKind::Instant(instant) => DueBound::of_instant(instant, tz),
        }
    }

    /// The bound from which on tasks are due that are due after this.
    pub(crate) fn end(&self, tz: Tz) -> DueBound {
        match self.kind {
            DueKind::Day(day) => DueBound::of_day(next(day, 1), tz),
            DueKind::Wall(wall) => DueBound::behind_wall(wall, tz),
            DueKind::Instant(instant) => DueBound::behind_instant(instant, tz),
        }
    }
}

impl Serialize for Due {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    let shape = |(n, byte): (usize, u8)| if n == 4 || n == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    text.bytes().enumerate().all(shape).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// A wall time with seconds. It has the shape of an instant without its offset.
fn wall(text: &str) -> Option<NaiveDateTime> {
    instant(&format!("{text}Z")).map(|instant| instant.naive_utc())
}

/// An instant. A leap second counts as the second after it.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let nanos = i64::from(instant.timestamp_subsec_nanos());
    DateTime::from_timestamp(instant.timestamp(), 0)?.checked_add_signed(TimeDelta::nanoseconds(nanos))
}

const END_OF_DAY: NaiveTime = match NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

const fn date_time(year: i32, month: u32, day: u32, time: NaiveTime) -> NaiveDateTime {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(day) => NaiveDateTime::new(day, time),
        None => NaiveDateTime::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(text: &str) -> Due {
        Due::parse(text).unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn a_day_a_wall_time_or_an_instant_is_kept_as_it_was_sent() {
        for text in
            ["2026-01-31", "2024-02-29", "0000-01-01", "2026-01-31T09:30:00Z", "2026-01-31t09:30:00.123456789+05:30"]
        {
            assert_eq!(due(text).as_str(), text);
            assert!(!due(text).is_wall_time());
        }
        for text in ["2026-01-31T09:30", "2024-02-29T23:59", "2026-01-31T09:30:05", "0000-01-01T00:00:00"] {
            assert_eq!(due(text).as_str(), text);
            assert!(due(text).is_wall_time());
        }
        for text in [
            "",
            "2026-1-31",
            "2026-02-30",
            "2026-13-01",
            "2026-01-31T09",
            "2026-01-31T09:30Z",
            "2026-01-31T24:00",
            "2026-02-30T09:30",
            "2026-01-31T9:30:0",
            "2026-01-31T09:60:00",
            "2026-01-31T09:30:00.0",
            "2026-01-31T09:30:00.123456",
            "2026-01-31T+9:30",
            "2026-01-31T09:3٠",
            "31.01.2026",
            "tomorrow",
            "+2026-01-1",
            "2026-01-3١",
        ] {
            assert_eq!(Due::parse(text), Err(InvalidDue), "{text}");
        }
    }

    #[test]
    fn a_day_is_sorted_at_its_end_a_wall_time_as_in_utc_and_all_within_the_years_that_are_stored() {
        assert_eq!(due("2026-01-31").at(), utc("2026-01-31T23:59:59.999999Z"));
        assert_eq!(due("2026-01-31T01:00:00.1234567+02:00").at(), utc("2026-01-30T23:00:00.123456Z"));
        assert_eq!(due("2016-12-31T23:59:60Z").at(), utc("2017-01-01T00:00:00Z"));
        assert_eq!(due("9999-12-31").at(), utc("9999-12-31T23:59:59.999998Z"));
        assert_eq!(due("9999-12-31T23:59:59-23:00").at(), utc("9999-12-31T23:59:59.999998Z"));
        assert_eq!(due("2026-01-31T09:30").at(), utc("2026-01-31T09:30:00Z"));
        assert_eq!(due("2026-01-31T09:30:05").at(), utc("2026-01-31T09:30:05Z"));
        assert_eq!(due("2016-12-31T23:59:60").at(), utc("2017-01-01T00:00:00Z"));
        assert_eq!(due("9999-12-31T23:59:59").at(), utc("9999-12-31T23:59:59Z"));
        assert_eq!(due("0000-01-01T00:00").at(), utc("0001-01-01T00:00:00.000001Z"));
        assert_eq!(due("0000-01-01").at(), utc("0001-01-01T00:00:00.000001Z"));
    }
}
