use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use super::Due;

/// A point in time with which due dates of every form are compared. A task is due before it if its day is before `day`, its wall
/// time before `wall`, or its instant before `instant`.
///
/// A wall time is the instant at which the clocks in the time zone first show it. If a clock change skipped it, it is the first
/// instant after the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueBound {
    day: NaiveDate,
    wall: NaiveDateTime,
    instant: DateTime<Utc>,
}

impl DueBound {
    /// The beginning of a day.
    pub(crate) fn of_day(day: NaiveDate, tz: Tz) -> Self {
        Self::of_wall(day.and_time(NaiveTime::MIN), tz)
    }

    /// A wall time. A day is due at its end, so it is due before this if it has ended by then.
    pub(crate) fn of_wall(wall: NaiveDateTime, tz: Tz) -> Self {
        Self { day: wall.date(), wall, instant: instant_of(wall, tz) }
    }

    /// An instant.
    pub(crate) fn of_instant(instant: DateTime<Utc>, tz: Tz) -> Self {
        Self { day: day_of(instant, tz), wall: wall_of(instant, tz), instant }
    }

    /// The point right behind a wall time.
    pub(crate) fn behind_wall(wall: NaiveDateTime, tz: Tz) -> Self {
        let bound = Self::of_wall(wall, tz);
        Self { wall: wall + MICROSECOND, instant: bound.instant + MICROSECOND, ..bound }
    }

    /// The point right behind an instant.
    pub(crate) fn behind_instant(instant: DateTime<Utc>, tz: Tz) -> Self {
        let instant = instant + MICROSECOND;
        Self { wall: wall_of(instant, tz), instant, day: day_of(instant - MICROSECOND, tz) }
    }

    /// The day as the database compares it: a text with a year of four digits, or one before or after all of those.
    pub(crate) fn day(self) -> String {
        match self.day.year() {
            ..0 => String::new(),
            0..=9999 => self.day.format("%Y-%m-%d").to_string(),
            _ => "~".to_owned(),
        }
    }

    /// The wall time as the database compares it: see [`Due::at`].
    pub(crate) fn wall(self) -> DateTime<Utc> {
        within(self.wall.and_utc())
    }

    /// The instant as the database compares it: see [`Due::at`].
    pub(crate) fn instant(self) -> DateTime<Utc> {
        within(self.instant)
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

/// The instant of a wall time in `tz`. A later wall time is never an earlier instant.
fn instant_of(wall: NaiveDateTime, tz: Tz) -> DateTime<Utc> {
    let shown = tz.from_local_datetime(&wall).earliest();
    let shown = shown.or_else(|| GapInfo::new(&wall, &tz)?.end);
    shown.map_or_else(|| wall.and_utc(), |shown| shown.to_utc())
}

/// The first wall time in `tz` whose instant is not before `instant`, to the microsecond. It is what the clocks show, except for
/// a time that they show twice: when they show it again, it is the end of that repetition.
fn wall_of(instant: DateTime<Utc>, tz: Tz) -> NaiveDateTime {
    /// In microseconds. No clock has changed by more than a day.
    const LONGER_THAN_ANY_CHANGE: i64 = 25 * 3600 * 1_000_000;
    let shown = tz.from_utc_datetime(&instant.naive_utc()).naive_local();
    let later = |micros| shown + TimeDelta::microseconds(micros);
    let (mut before, mut from) = (-LONGER_THAN_ANY_CHANGE, LONGER_THAN_ANY_CHANGE);
    while from - before > 1 {
        let middle = i64::midpoint(before, from);
        if instant_of(later(middle), tz) < instant {
            before = middle;
        } else {
            from = middle;
        }
    }
    later(from)
}

/// A time in microseconds, within the years that are stored.
fn within(time: DateTime<Utc>) -> DateTime<Utc> {
    let micros = DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time);
    micros.clamp(Due::EARLIEST.and_utc(), Due::LATEST.and_utc())
}

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn wall(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap()
    }

    #[test]
    fn a_day_begins_in_the_owners_time_zone_even_if_midnight_was_skipped() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
        assert_eq!(DueBound::of_day(day("2026-01-31"), Tz::UTC).instant, utc("2026-01-31T00:00:00Z"));
        assert_eq!(DueBound::of_day(day("2026-01-31"), Tz::Asia__Kolkata).instant, utc("2026-01-30T18:30:00Z"));
        // The clocks went from 0:00 to 1:00.
        assert_eq!(DueBound::of_day(day("2018-11-04"), Tz::America__Sao_Paulo).instant, utc("2018-11-04T03:00:00Z"));
        // This day did not exist.
        assert_eq!(DueBound::of_day(day("2011-12-30"), Tz::Pacific__Apia).instant, utc("2011-12-30T10:00:00Z"));
        // There were two midnights.
        assert_eq!(DueBound::of_day(day("2020-11-01"), Tz::America__Havana).instant, utc("2020-11-01T04:00:00Z"));
    }

    #[test]
    fn a_wall_time_that_a_clock_change_doubles_is_the_first_one_and_a_skipped_one_is_the_end_of_the_gap() {
        let instant = |text| instant_of(wall(text), Tz::Europe__Berlin);
        assert_eq!(instant("2026-10-25T01:59"), utc("2026-10-24T23:59:00Z"));
        assert_eq!(instant("2026-10-25T02:30"), utc("2026-10-25T00:30:00Z"));
        assert_eq!(instant("2026-10-25T03:00"), utc("2026-10-25T02:00:00Z"));
        assert_eq!(instant("2026-03-29T01:59"), utc("2026-03-29T00:59:00Z"));
        assert_eq!(instant("2026-03-29T02:37"), utc("2026-03-29T01:00:00Z"));
        assert_eq!(instant("2026-03-29T03:00"), utc("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn a_wall_time_that_has_passed_stays_passed_through_every_clock_change() {
        // Half an hour, an hour and a whole day, forward and back, and a change that is not at a quarter of an hour.
        for (tz, around) in [
            (Tz::Europe__Berlin, "2026-10-25T02:00"),
            (Tz::Europe__Berlin, "2026-03-29T02:00"),
            (Tz::Australia__Lord_Howe, "2026-04-05T02:00"),
            (Tz::Australia__Lord_Howe, "2026-10-04T02:00"),
            (Tz::America__Havana, "2026-11-01T00:00"),
            (Tz::America__St_Johns, "2006-10-29T00:00"),
            (Tz::Pacific__Apia, "2011-12-30T12:00"),
            (Tz::America__Juneau, "1867-10-19T00:00"),
        ] {
            let walls: Vec<_> = (-260..=260).map(|step| wall(around) + TimeDelta::minutes(step * 7)).collect();
            for minutes in (-1820..=1820).step_by(13) {
                let now = wall(around).and_utc() + TimeDelta::minutes(minutes);
                let bound = DueBound::of_instant(now, tz);
                for wall in &walls {
                    assert_eq!(*wall < bound.wall, instant_of(*wall, tz) < now, "{tz}: {wall} at {now}");
                }
            }
        }
    }

    #[test]
    fn an_instant_is_compared_with_wall_times_by_what_the_clocks_of_the_time_zone_show() {
        for (tz, shown) in [(Tz::UTC, "10:00"), (Tz::Asia__Kolkata, "15:30"), (Tz::America__Los_Angeles, "02:00")] {
            let shown = wall(&format!("2026-01-31T{shown}"));
            assert_eq!(DueBound::of_instant(utc("2026-01-31T10:00:00Z"), tz).wall, shown);
            assert_eq!(DueBound::behind_instant(utc("2026-01-31T10:00:00Z"), tz).wall, shown + MICROSECOND);
            assert_eq!(DueBound::of_wall(shown, tz).instant, utc("2026-01-31T10:00:00Z"));
        }
    }
}
