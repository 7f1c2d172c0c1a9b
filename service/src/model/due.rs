use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

/// The due date of a task: a day, in the time zone of the owner, or an instant. It keeps the text that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    text: String,
    kind: DueKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DueKind {
    Day(NaiveDate),
    Instant(DateTime<Utc>),
}

/// The text is not a [`Due`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r#"must be a day ("2026-01-31") or an instant with its offset (RFC 3339, "2026-01-31T09:30:00Z")"#)]
pub struct InvalidDue;

impl Due {
    /// The maximum length of the text of an instant in bytes. Any number of decimals of a second is allowed up to this length.
    pub const MAX_CHARS: usize = 64;
    /// The sort value of "no due date" if it comes after every due date.
    pub(crate) const LATEST: NaiveDateTime = date_time(9999, 12, 31, END_OF_DAY);
    /// The sort value of "no due date" if it comes before every due date.
    pub(crate) const EARLIEST: NaiveDateTime = date_time(1, 1, 1, NaiveTime::MIN);

    /// Parses a `full-date` or a `date-time` of RFC 3339, section 5.6.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidDue> {
        let text = text.into();
        let kind = match text.len() {
            0..=9 => return Err(InvalidDue),
            10 => DueKind::Day(day(&text).ok_or(InvalidDue)?),
            _ if text.len() > Self::MAX_CHARS => return Err(InvalidDue),
            _ => DueKind::Instant(DateTime::parse_from_rfc3339(&text).map_err(|_| InvalidDue)?.to_utc()),
        };
        Ok(Self { text, kind })
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

    /// The sort value, which does not depend on the time zone of the owner: the instant, or the end of the day in UTC. It has
    /// microseconds and lies strictly between [`Self::EARLIEST`] and [`Self::LATEST`].
    pub(crate) fn at(&self) -> DateTime<Utc> {
        let sorted = match self.kind {
            DueKind::Day(day) => day.and_time(END_OF_DAY),
            // A leap second counts as the second after it.
            DueKind::Instant(instant) => {
                DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant).naive_utc()
            }
        };

        sorted.clamp(Self::EARLIEST + TimeDelta::microseconds(1), Self::LATEST - TimeDelta::microseconds(1)).and_utc()
    }

    /// The first day and the first instant in `tz` that are not before this due date. A task is due before it if its day is
    /// before that day, or its instant before that instant.
    pub(crate) fn begin(&self, tz: Tz) -> (NaiveDate, DateTime<Utc>) {
        match self.kind {
            DueKind::Day(day) => (day, start_of_day(day, tz)),
            // A day is due at its end, so it is due before this instant if it has ended by then.
            DueKind::Instant(instant) => (day_of(instant, tz), instant),
        }
    }

    /// The first day and the first instant in `tz` that are after this due date.
    pub(crate) fn end(&self, tz: Tz) -> (NaiveDate, DateTime<Utc>) {
        match self.kind {
            DueKind::Day(day) => {
                let next = next(day, 1);
                (next, start_of_day(next, tz))
            }
            DueKind::Instant(instant) => (day_of(instant, tz), after(instant)),
        }
    }
}

impl Serialize for Due {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// The day of `instant` in `tz`.
pub(crate) fn day_of(instant: DateTime<Utc>, tz: Tz) -> NaiveDate {
    tz.from_utc_datetime(&instant.naive_utc()).date_naive()
}

/// The day that is `days` days after `day`.
pub(crate) fn next(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

/// The first instant of a day in `tz`. If a clock change skipped midnight, it is the first instant after the gap.
pub(crate) fn start_of_day(day: NaiveDate, tz: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    // Offsets change by multiples of 15 minutes. One change (Samoa, 2011) left out a whole day.
    let quarters = (0..=96).map(|quarter| midnight.checked_add_signed(TimeDelta::minutes(15 * quarter)));
    let mut found = quarters.flatten().filter_map(|local| tz.from_local_datetime(&local).earliest());
    found.next().map_or_else(|| midnight.and_utc(), |start| start.to_utc())
}

/// The text by which the database compares a day: four-digit years, and texts before and after all of those.
pub(crate) fn day_text(day: NaiveDate) -> String {
    match day.year() {
        ..0 => String::new(),
        0..=9999 => day.format("%Y-%m-%d").to_string(),
        _ => "~".to_owned(),
    }
}

/// The instant as the database compares it: in microseconds, within the years that are stored.
pub(crate) fn instant_within(instant: DateTime<Utc>) -> DateTime<Utc> {
    let micros = DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant);
    micros.clamp(Due::EARLIEST.and_utc(), Due::LATEST.and_utc())
}

/// The first microsecond after an instant.
fn after(instant: DateTime<Utc>) -> DateTime<Utc> {
    let micros = instant.timestamp_micros().saturating_add(1);
    DateTime::from_timestamp_micros(micros).unwrap_or(instant)
}

fn day(text: &str) -> Option<NaiveDate> {
    let shape = |(n, byte): (usize, u8)| if n == 4 || n == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    text.bytes().enumerate().all(shape).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
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
    fn a_day_or_an_instant_is_kept_as_it_was_sent() {
        for text in
            ["2026-01-31", "2024-02-29", "0000-01-01", "2026-01-31T09:30:00Z", "2026-01-31t09:30:00.123456789+05:30"]
        {
            assert_eq!(due(text).as_str(), text);
        }
        for text in [
            "",
            "2026-1-31",
            "2026-02-30",
            "2026-13-01",
            "2026-01-31T09:30",
            "2026-01-31T09:30:00",
            "31.01.2026",
            "tomorrow",
            "+2026-01-1",
            "2026-01-3١",
        ] {
            assert_eq!(Due::parse(text), Err(InvalidDue), "{text}");
        }
    }

    #[test]
    fn a_day_is_sorted_at_its_end_and_within_the_years_that_are_stored() {
        assert_eq!(due("2026-01-31").at(), utc("2026-01-31T23:59:59.999999Z"));
        assert_eq!(due("2026-01-31T01:00:00.1234567+02:00").at(), utc("2026-01-30T23:00:00.123456Z"));
        assert_eq!(due("2016-12-31T23:59:60Z").at(), utc("2017-01-01T00:00:00Z"));
        assert_eq!(due("9999-12-31").at(), utc("9999-12-31T23:59:59.999998Z"));
        assert_eq!(due("9999-12-31T23:59:59-23:00").at(), utc("9999-12-31T23:59:59.999998Z"));
        assert_eq!(due("0000-01-01").at(), utc("0001-01-01T00:00:00.000001Z"));
    }

    #[test]
    fn a_day_begins_in_the_owners_time_zone_even_if_midnight_was_skipped() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
        assert_eq!(start_of_day(day("2026-01-31"), Tz::UTC), utc("2026-01-31T00:00:00Z"));
        assert_eq!(start_of_day(day("2026-01-31"), Tz::Asia__Kolkata), utc("2026-01-30T18:30:00Z"));
        // The clocks went from 0:00 to 1:00.
        assert_eq!(start_of_day(day("2018-11-04"), Tz::America__Sao_Paulo), utc("2018-11-04T03:00:00Z"));
        // This day did not exist.
        assert_eq!(start_of_day(day("2011-12-30"), Tz::Pacific__Apia), utc("2011-12-30T10:00:00Z"));
        // There were two midnights.
        assert_eq!(start_of_day(day("2020-11-01"), Tz::America__Havana), utc("2020-11-01T04:00:00Z"));
    }
}
