use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::dates::Dates;
use super::moment::{self, Moment, Shift};
use super::{Recurrence, Slot};
use crate::model::{Due, Zone};

#[cfg(test)]
thread_local! {
    /// The number of steps that this thread has taken for next occurrences.
    pub(crate) static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The rule of a recurring task with everything that the next occurrence depends on. As JSON it is stored with the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The rule.
    pub rule: Recurrence,
    /// The time zone of the owner.
    #[serde(rename = "tz")]
    pub zone: Zone,
    /// The date from which INTERVAL counts.
    pub from: RecurFrom,
    /// What happens to occurrences that have passed.
    pub missed: Missed,
    /// The number of occurrences after the current one that COUNT allows. `None`: there is no COUNT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}

/// The date from which INTERVAL counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecurFrom {
    /// The current occurrence.
    #[default]
    Due,
    /// The day of its completion, in the time zone of the series.
    Completion,
}

/// What happens to occurrences that have passed when the current one is completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// They are left out, and COUNT counts them. The next occurrence is always after the completion.
    #[default]
    Skip,
    /// Each is made. The next occurrence is the next one of the rule.
    Keep,
}

/// An occurrence of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What it stands for.
    pub slot: Slot,
    /// Its due date, in the form of the current one.
    pub due: Due,
    /// The instant at which it is due. A day is due at its last microsecond.
    pub at: DateTime<Utc>,
    /// Whether a clock change affects it.
    pub shifted: Option<Shift>,
    /// The number of occurrences after it that COUNT allows.
    pub left: Option<u32>,
}

impl Series {
    /// A series whose first occurrence is the current one.
    #[must_use]
    pub fn new(rule: Recurrence, zone: Zone, from: RecurFrom, missed: Missed) -> Self {
        let left = rule.count().map(|count| count - 1);
        Self { rule, zone, from, missed, left }
    }

    /// The slot of the first occurrence, which is the due date, also if the rule does not have it.
    #[must_use]
    pub fn slot_of(&self, due: &Due) -> Slot {
        Slot::of(due, self.zone)
    }

    /// The occurrence after `current`, whose due date is `due`, if `current` is completed at `completed_at`. `None`: the series
    /// has ended by COUNT or UNTIL, or there is no further date.
    ///
    /// It is always later than `current`, so that no slot occurs twice. Unless [`Missed::Keep`] counts from the due date, it is
    /// also later than the completion.
    #[must_use]
    pub fn next(&self, current: &Slot, due: &Due, completed_at: DateTime<Utc>) -> Option<Occurrence> {
        self.next_counted(current, due, completed_at).0
    }

    /// [`Self::next`] with the number of steps that it took, which is that of days that were looked at.
    pub(crate) fn next_counted(
        &self,
        current: &Slot,
        due: &Due,
        completed_at: DateTime<Utc>,
    ) -> (Option<Occurrence>, u32) {
        let completed_on = moment::day_at(completed_at, self.zone);
        let (start, skip) = match self.from {
            RecurFrom::Due => (current.day(), self.missed == Missed::Skip),
            RecurFrom::Completion => (completed_on, true),
        };
        let mut dates = Dates::after(self.rule.rule(), start);
        let next = self.first_after(&mut dates, current, due, skip.then_some((completed_at, completed_on)));
        #[cfg(test)]
        STEPS.set(STEPS.get() + u64::from(dates.steps()));
        (next, dates.steps())
    }

    fn first_after(
        &self,
        dates: &mut Dates,
        current: &Slot,
        due: &Due,
        completion: Option<(DateTime<Utc>, NaiveDate)>,
    ) -> Option<Occurrence> {
        let mut left = self.left;
        // A date that lies further in the past has passed, wherever a clock change moves it.
        let passed = completion.map_or(current.day(), |(_, day)| (day - TimeDelta::days(2)).max(current.day()));
        let counts = self.from == RecurFrom::Due && left.is_some();
        if !counts {
            dates.skip_to(passed);
        }
        for date in dates {
            if date > passed {
                let next = occurrence(date, current, due, self.zone);
                if self.rule.rule().ends_before(&next.slot, self.zone) {
                    return None;
                }
                if date > current.day() && completion.is_none_or(|(at, _)| next.at > at) {
                    let left = match left {
                        None => None,
                        Some(left) => Some(left.checked_sub(1)?),
                    };
                    return Some(Occurrence { left, ..next });
                }
            }
            if counts {
                left = left?.checked_sub(1);
                left?;
            }
        }
        None
    }
}

/// The occurrence of a date, with the time of day of `current` and the form of `due`.
pub(super) fn occurrence(date: NaiveDate, current: &Slot, due: &Due, zone: Zone) -> Occurrence {
    let time = Slot::of(due, zone).time().map(|time| current.time().unwrap_or(time));
    let slot = Slot::new(date, time);
    let moment = moment_of(&slot, zone);
    Occurrence { due: due_of(&moment, due), at: moment.at, shifted: moment.shifted, left: None, slot }
}

pub(super) fn moment_of(slot: &Slot, zone: Zone) -> Moment {
    if slot.is_day() { moment::of_day(slot.day(), zone) } else { moment::of_wall(slot.wall(), zone) }
}

/// The due date of a moment in the form of another one. The offset of an instant is that of the zone at that moment.
fn due_of(moment: &Moment, form: &Due) -> Due {
    let shown = moment.shown;
    let text = match form.as_str().len() {
        10 => shown.format("%Y-%m-%d").to_string(),
        16 => shown.format("%Y-%m-%dT%H:%M").to_string(),
        19 => shown.format("%Y-%m-%dT%H:%M:%S").to_string(),
        // RFC 3339 has no offsets with seconds, as local mean times have them.
        _ if shown.offset().local_minus_utc() % 60 != 0 => moment.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        _ => shown.to_rfc3339_opts(SecondsFormat::Secs, true),
    };
    Due::parse(text).unwrap_or_else(|_| form.clone())
}
