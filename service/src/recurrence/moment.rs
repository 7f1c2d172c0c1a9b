use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::GapInfo;
use serde::Serialize;

use crate::model::{DueBound, Zone, day_of, next};

/// How a clock change affects a local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shift {
    /// The clocks skip the time. It moves past the gap by the length of the gap.
    Gap,
    /// The clocks show the time twice. It is the first one.
    Overlap,
}

/// The instant of a local time, and what the clocks show at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: DateTime<Utc>,
    pub(super) shown: DateTime<FixedOffset>,
    pub(super) shifted: Option<Shift>,
}

/// The moment of a wall time. In a gap it is computed with the offset before the gap (RFC 5545, section 3.3.5).
pub(super) fn of_wall(wall: NaiveDateTime, zone: Zone) -> Moment {
    let found = zone.tz().from_local_datetime(&wall);
    let shifted = match found {
        chrono::LocalResult::Single(_) => None,
        chrono::LocalResult::Ambiguous(..) => Some(Shift::Overlap),
        chrono::LocalResult::None => Some(Shift::Gap),
    };
    let at = found.earliest().map_or_else(|| past_gap(wall, zone), |found| found.to_utc());
    Moment { at, shown: at.with_timezone(&offset_at(at, zone)), shifted }
}

/// The moment at which a day ends: its last microsecond. A day that a zone left out moves like a wall time.
pub(super) fn of_day(day: NaiveDate, zone: Zone) -> Moment {
    let start = of_wall(day.and_time(NaiveTime::MIN), zone);
    let moved = start.shown.date_naive();
    let at = DueBound::of_day(next(moved, 1), zone.tz()).instant() - TimeDelta::microseconds(1);
    let shifted = (moved != day).then_some(Shift::Gap);
    Moment { at, shown: moved.and_time(NaiveTime::MIN).and_utc().fixed_offset(), shifted }
}

/// What the clocks show at an instant, within the years that due dates have.
pub(super) fn shown(instant: DateTime<Utc>, zone: Zone) -> NaiveDateTime {
    let shown = zone.tz().from_utc_datetime(&instant.naive_utc()).naive_local();
    shown.clamp(FIRST, LAST)
}

/// The day in the zone at an instant, within the years that due dates have.
pub(super) fn day_at(instant: DateTime<Utc>, zone: Zone) -> NaiveDate {
    day_of(instant, zone.tz()).clamp(FIRST.date(), LAST.date())
}

fn past_gap(wall: NaiveDateTime, zone: Zone) -> DateTime<Utc> {
    let before = GapInfo::new(&wall, &zone.tz()).and_then(|gap| gap.begin).map(|(_, offset)| offset.fix());
    before
        .and_then(|offset| offset.from_local_datetime(&wall).earliest())
        .map_or_else(|| wall.and_utc(), |at| at.to_utc())
}

fn offset_at(at: DateTime<Utc>, zone: Zone) -> FixedOffset {
    zone.tz().offset_from_utc_datetime(&at.naive_utc()).fix()
}

const FIRST: NaiveDateTime = wall(1, 1, 1, 0, 0, 0);
const LAST: NaiveDateTime = wall(9999, 12, 31, 23, 59, 59);

const fn wall(year: i32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> NaiveDateTime {
    match (NaiveDate::from_ymd_opt(year, month, day), NaiveTime::from_hms_opt(hour, minute, second)) {
        (Some(day), Some(time)) => NaiveDateTime::new(day, time),
        _ => NaiveDateTime::MIN,
    }
}
