use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, Utc, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::dates::Dates;
use super::numbers::Numbers;
use super::{InvalidRecurrence, Slot, parse};
use crate::model::{Due, Zone};

/// A recurrence rule: a value of the property RRULE (RFC 5545, section 3.8.5.3) whose frequency is DAILY or lower.
///
/// It keeps the parts that were sent in their order, in upper case and without the prefix `RRULE:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    text: String,
    rule: Box<Rule>,
}

/// The parts of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: i32,
    pub(super) count: Option<u32>,
    pub(super) until: Option<Until>,
    pub(super) week_start: Weekday,
    pub(super) months: Numbers,
    pub(super) weeks: Numbers,
    pub(super) year_days: Numbers,
    pub(super) month_days: Numbers,
    pub(super) weekdays: Weekdays,
    pub(super) positions: Numbers,
}

/// FREQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// UNTIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Day(NaiveDate),
    Wall(NaiveDateTime),
    Instant(DateTime<Utc>),
}

/// BYDAY: for each weekday, from Monday, whether all of them belong to the rule, and the numbers of those that do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weekdays {
    every: [bool; 7],
    numbered: [Numbers; 7],
    pub(super) has_every: bool,
    pub(super) has_numbered: bool,
}

impl Recurrence {
    /// The maximum length of the text in characters.
    pub const MAX_CHARS: usize = 500;
    /// The highest INTERVAL.
    pub const MAX_INTERVAL: u32 = 1_000;
    /// The highest COUNT.
    pub const MAX_COUNT: u32 = 10_000;
    /// A rule has a date within this number of years after the due date.
    pub const MAX_YEARS: u32 = 10;

    /// Parses a rule with or without the prefix `RRULE:`, or a preset, in any case.
    ///
    /// A preset becomes the rule that it means for the day of `due` in `zone`. `monthly` on day 29, 30 or 31 means that day, or
    /// the last day of a shorter month. `yearly` on 29 February means the last day of February.
    ///
    /// UNTIL must have the kind of `due`. A day always fits: it is the end of that day. A time in UTC also fits a wall time,
    /// because RFC 5545 requires it if there is a time zone.
    pub fn parse(text: &str, due: &Due, zone: Zone) -> Result<Self, InvalidRecurrence> {
        if text.chars().count() > Self::MAX_CHARS {
            return Err(InvalidRecurrence::TooLong);
        }
        let first = Slot::of(due, zone);
        let recurrence = Self::stored(&preset_rule(text, first.day()).unwrap_or_else(|| text.to_owned()))?;
        recurrence.check_until(due, &first, zone)?;
        recurrence.check_soon(first.day())?;
        Ok(recurrence)
    }

    /// Checks the rule for a later due date of its series. It looks for no date, which can take long.
    pub(crate) fn check_later(&self, due: &Due, zone: Zone) -> Result<(), InvalidRecurrence> {
        self.check_until(due, &Slot::of(due, zone), zone)
    }

    /// Parses the text of a rule that has been parsed for its due date before.
    pub(super) fn stored(text: &str) -> Result<Self, InvalidRecurrence> {
        let text = parse::normalized(text);
        let rule = Box::new(parse::rule(&text)?);
        Ok(Self { text, rule })
    }

    /// Whether a text is one of the words `daily`, `weekdays`, `weekly`, `monthly` and `yearly`, in any case.
    #[must_use]
    pub fn is_preset(text: &str) -> bool {
        Preset::parse(text).is_some()
    }

    /// Whether a text is meant as a rule, right or wrong: it has FREQ or begins with `RRULE:`, in any case.
    #[must_use]
    pub fn is_rule(text: &str) -> bool {
        let text = text.to_ascii_uppercase();
        text.contains("FREQ=") || text.trim_start().starts_with("RRULE:")
    }

    /// The text, with COUNT and UNTIL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// COUNT: the number of occurrences, with the first one.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.rule.count
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    fn check_until(&self, due: &Due, first: &Slot, zone: Zone) -> Result<(), InvalidRecurrence> {
        let fits = match self.rule.until {
            None | Some(Until::Day(_)) => true,
            Some(Until::Wall(_)) => due.is_wall_time(),
            Some(Until::Instant(_)) => !first.is_day(),
        };
        if !fits {
            return Err(InvalidRecurrence::UntilKind);
        }
        if self.rule.ends_before(first, zone) { Err(InvalidRecurrence::UntilBeforeDue) } else { Ok(()) }
    }

    /// Looks for a date, whether COUNT or UNTIL allow it or not: a series may have one occurrence only.
    fn check_soon(&self, first: NaiveDate) -> Result<(), InvalidRecurrence> {
        let last = first.checked_add_months(Months::new(12 * Self::MAX_YEARS)).unwrap_or(first);
        // The calendar ends with the year 9999. There a rule needs no further date.
        let soon = last.year() > 9999 || Dates::between(&self.rule, first, last).next().is_some();
        if soon { Ok(()) } else { Err(InvalidRecurrence::Never) }
    }
}

impl Rule {
    /// Whether UNTIL lies before an occurrence.
    pub(super) fn ends_before(&self, slot: &Slot, zone: Zone) -> bool {
        match self.until {
            None => false,
            Some(Until::Day(day)) => slot.day() > day,
            Some(Until::Wall(wall)) => slot.wall() > wall,
            Some(Until::Instant(instant)) => super::moment::of_wall(slot.wall(), zone).at > instant,
        }
    }
}

impl Weekdays {
    pub(super) fn insert(&mut self, number: Option<i32>, weekday: Weekday) {
        let index = weekday.num_days_from_monday() as usize;
        match number {
            None => {
                self.every[index] = true;
                self.has_every = true;
            }
            Some(number) => {
                self.numbered[index].insert(number);
                self.has_numbered = true;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_every && !self.has_numbered
    }

    /// Whether a weekday, counted from Monday as 0, belongs to the rule. `day` is its day in the month or year, counted from 1,
    /// and `length` is the length of that.
    pub(super) fn contains(&self, index: usize, (day, length): (i32, i32)) -> bool {
        self.every[index]
            || self.has_numbered
                && (self.numbered[index].contains((day - 1) / 7 + 1)
                    || self.numbered[index].contains(-((length - day) / 7 + 1)))
    }
}

impl Serialize for Recurrence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Recurrence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::stored(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[derive(Clone, Copy)]
enum Preset {
    Daily,
    Weekdays,
    Weekly,
    Monthly,
    Yearly,
}

impl Preset {
    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "daily" => Some(Self::Daily),
            "weekdays" => Some(Self::Weekdays),
            "weekly" => Some(Self::Weekly),
            "monthly" => Some(Self::Monthly),
            "yearly" => Some(Self::Yearly),
            _ => None,
        }
    }
}

/// The rule that a preset means for a first day, if the text is a preset.
fn preset_rule(text: &str, first: NaiveDate) -> Option<String> {
    let rule = match (Preset::parse(text)?, first.month(), first.day()) {
        (Preset::Daily, ..) => "FREQ=DAILY",
        (Preset::Weekdays, ..) => "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        (Preset::Weekly, ..) => "FREQ=WEEKLY",
        (Preset::Monthly, _, 29) => "FREQ=MONTHLY;BYMONTHDAY=28,29;BYSETPOS=-1",
        (Preset::Monthly, _, 30) => "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1",
        (Preset::Monthly, _, 31) => "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
        (Preset::Monthly, ..) => "FREQ=MONTHLY",
        (Preset::Yearly, 2, 29) => "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1",
        (Preset::Yearly, ..) => "FREQ=YEARLY",
    };
    Some(rule.to_owned())
}
