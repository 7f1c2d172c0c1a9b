use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::numbers::Numbers;
use super::rule::{Frequency, Rule, Until, Weekdays};
use super::{InvalidRecurrence, Recurrence};

/// The text of a rule in upper case, without the prefix `RRULE:` and without the semicolon at the end that some programs add.
pub(super) fn normalized(text: &str) -> String {
    let text = text.trim().to_ascii_uppercase();
    text.strip_prefix("RRULE:").unwrap_or(&text).trim_end_matches(';').to_owned()
}

/// Parses a normalized text (RFC 5545, section 3.3.10).
pub(super) fn rule(text: &str) -> Result<Rule, InvalidRecurrence> {
    if text.chars().count() > Recurrence::MAX_CHARS {
        return Err(InvalidRecurrence::TooLong);
    }
    let mut parts = Parts::default();
    for part in text.split(';') {
        let (name, value) = part.split_once('=').ok_or(InvalidRecurrence::NotARule)?;
        parts.read(name, value)?;
    }
    parts.finish()
}

#[derive(Default)]
struct Parts {
    frequency: Option<Frequency>,
    interval: Option<u32>,
    count: Option<u32>,
    until: Option<Until>,
    week_start: Option<Weekday>,
    months: Option<Numbers>,
    weeks: Option<Numbers>,
    year_days: Option<Numbers>,
    month_days: Option<Numbers>,
    weekdays: Option<Weekdays>,
    positions: Option<Numbers>,
}

impl Parts {
    fn read(&mut self, name: &str, value: &str) -> Result<(), InvalidRecurrence> {
        match name {
            "FREQ" => set(&mut self.frequency, frequency(value)?),
            "INTERVAL" => {
                set(&mut self.interval, number(value, Recurrence::MAX_INTERVAL).ok_or(InvalidRecurrence::Interval)?)
            }
            "COUNT" => set(&mut self.count, number(value, Recurrence::MAX_COUNT).ok_or(InvalidRecurrence::Count)?),
            "UNTIL" => set(&mut self.until, until(value).ok_or(InvalidRecurrence::Until)?),
            "WKST" => set(&mut self.week_start, weekday(value).ok_or(InvalidRecurrence::WeekStart)?),
            "BYMONTH" => set(&mut self.months, numbers(value, 1, 12)?),
            "BYWEEKNO" => set(&mut self.weeks, numbers(value, -53, 53)?),
            "BYYEARDAY" => set(&mut self.year_days, numbers(value, -366, 366)?),
            "BYMONTHDAY" => set(&mut self.month_days, numbers(value, -31, 31)?),
            "BYSETPOS" => set(&mut self.positions, numbers(value, -366, 366)?),
            "BYDAY" => set(&mut self.weekdays, weekdays(value)?),
            "BYHOUR" | "BYMINUTE" | "BYSECOND" => Err(InvalidRecurrence::TimeOfDay),
            _ => Err(InvalidRecurrence::UnknownPart),
        }
    }

    /// Checks how the parts fit together, by the table of RFC 5545, section 3.3.10.
    fn finish(self) -> Result<Rule, InvalidRecurrence> {
        let frequency = self.frequency.ok_or(InvalidRecurrence::Frequency)?;
        let weekdays = self.weekdays.unwrap_or_default();
        let by_day = self.weekdays.is_some() || self.month_days.is_some() || self.year_days.is_some();
        let other_part = by_day || self.weeks.is_some() || self.months.is_some();
        let yearly = frequency == Frequency::Yearly;
        let numbers_allowed = frequency == Frequency::Monthly || yearly && self.weeks.is_none();

        if self.count.is_some() && self.until.is_some() {
            return Err(InvalidRecurrence::CountAndUntil);
        }
        if weekdays.has_numbered && !numbers_allowed {
            return Err(InvalidRecurrence::NumberedWeekday);
        }
        if self.month_days.is_some() && frequency == Frequency::Weekly {
            return Err(InvalidRecurrence::MonthDay);
        }
        if self.year_days.is_some() && !yearly {
            return Err(InvalidRecurrence::YearDay);
        }
        if self.weeks.is_some() && !yearly {
            return Err(InvalidRecurrence::WeekNumber);
        }
        if self.positions.is_some() && !other_part {
            return Err(InvalidRecurrence::Position);
        }

        Ok(Rule {
            frequency,
            interval: self.interval.map_or(1, u32::cast_signed),
            count: self.count,
            until: self.until,
            week_start: self.week_start.unwrap_or(Weekday::Mon),
            months: self.months.unwrap_or_default(),
            weeks: self.weeks.unwrap_or_default(),
            year_days: self.year_days.unwrap_or_default(),
            month_days: self.month_days.unwrap_or_default(),
            weekdays,
            positions: self.positions.unwrap_or_default(),
        })
    }
}

fn set<T>(part: &mut Option<T>, value: T) -> Result<(), InvalidRecurrence> {
    if part.replace(value).is_some() { Err(InvalidRecurrence::Twice) } else { Ok(()) }
}

fn frequency(value: &str) -> Result<Frequency, InvalidRecurrence> {
    match value {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        "HOURLY" | "MINUTELY" | "SECONDLY" => Err(InvalidRecurrence::TooOften),
        _ => Err(InvalidRecurrence::Frequency),
    }
}

/// A number without a sign, from 1 to `max`.
fn number(value: &str, max: u32) -> Option<u32> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|number| digits && (1..=max).contains(number))
}

/// A number with or without a sign, which is not 0.
fn signed(value: &str, min: i32, max: i32) -> Option<i32> {
    value.parse().ok().filter(|number| (min..=max).contains(number) && *number != 0)
}

fn numbers(value: &str, min: i32, max: i32) -> Result<Numbers, InvalidRecurrence> {
    value.split(',').map(|number| signed(number, min, max).ok_or(InvalidRecurrence::Number)).collect()
}

fn weekday(value: &str) -> Option<Weekday> {
    match value {
        "MO" => Some(Weekday::Mon),
        "TU" => Some(Weekday::Tue),
        "WE" => Some(Weekday::Wed),
        "TH" => Some(Weekday::Thu),
        "FR" => Some(Weekday::Fri),
        "SA" => Some(Weekday::Sat),
        "SU" => Some(Weekday::Sun),
        _ => None,
    }
}

fn weekdays(value: &str) -> Result<Weekdays, InvalidRecurrence> {
    let mut weekdays = Weekdays::default();
    for item in value.split(',') {
        let split = item.len().checked_sub(2).and_then(|at| item.split_at_checked(at));
        let (number, name) = split.ok_or(InvalidRecurrence::Weekday)?;
        let weekday = weekday(name).ok_or(InvalidRecurrence::Weekday)?;
        let number = match number {
            "" => None,
            number => Some(signed(number, -53, 53).ok_or(InvalidRecurrence::Weekday)?),
        };
        weekdays.insert(number, weekday);
    }
    Ok(weekdays)
}

/// A date, or a time with or without `Z` (RFC 5545, sections 3.3.4 and 3.3.5).
fn until(value: &str) -> Option<Until> {
    let (value, utc) = value.strip_suffix('Z').map_or((value, false), |value| (value, true));
    match value.split_once('T') {
        None if !utc => day(value).map(Until::Day),
        None => None,
        Some((date, time)) => {
            let wall = NaiveDateTime::new(day(date)?, time_of_day(time)?);
            Some(if utc { Until::Instant(wall.and_utc()) } else { Until::Wall(wall) })
        }
    }
}

fn day(value: &str) -> Option<NaiveDate> {
    digits(value, 8).then(|| NaiveDate::parse_from_str(value, "%Y%m%d").ok()).flatten()
}

fn time_of_day(value: &str) -> Option<NaiveTime> {
    digits(value, 6).then(|| NaiveTime::parse_from_str(value, "%H%M%S").ok()).flatten()
}

fn digits(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| byte.is_ascii_digit())
}
