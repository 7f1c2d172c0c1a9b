use std::vec;

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::numbers::Numbers;
use super::rule::{Frequency, Rule};

/// The dates of a rule after a date, in order. That date is DTSTART of RFC 5545: it gives the period from which INTERVAL counts,
/// and the parts that the rule leaves out.
///
/// The rule is computed period by period: a day, a week, a month or a year. Each period is looked at day by day, so that the work
/// is counted in days ([`Self::steps`]). It ends after [`Self::MAX_STEPS`] days, whatever the rule is.
pub(super) struct Dates {
    rule: Rule,
    start: NaiveDate,
    last: NaiveDate,
    /// The next period that is looked at, as a number of periods after that of `start`.
    period: i32,
    found: vec::IntoIter<NaiveDate>,
    steps: u32,
}

impl Dates {
    /// The maximum number of days that are looked at. It is 270 years of a rule with INTERVAL=1, and about a millisecond.
    pub(super) const MAX_STEPS: u32 = 100_000;

    /// The dates of a rule after `start`.
    pub(super) fn after(rule: &Rule, start: NaiveDate) -> Self {
        Self::between(rule, start, LAST)
    }

    /// The dates of a rule after `start` and up to `last`.
    pub(super) fn between(rule: &Rule, start: NaiveDate, last: NaiveDate) -> Self {
        let last = last.min(LAST);
        Self { rule: complete(rule, start), start, last, period: 0, found: Vec::new().into_iter(), steps: 0 }
    }

    /// Leaves out the periods that end before a date, without looking at them.
    pub(super) fn skip_to(&mut self, date: NaiveDate) {
        let periods = match self.rule.frequency {
            Frequency::Daily => days_between(self.start, date),
            Frequency::Weekly => days_between(self.week_of_start(), date).div_euclid(7),
            Frequency::Monthly => month_number(date) - month_number(self.start),
            Frequency::Yearly => date.year() - self.start.year(),
        };
        let interval = self.rule.interval;
        let first = periods.div_euclid(interval) * interval;
        if first > self.period {
            self.period = first;
            self.found = Vec::new().into_iter();
        }
    }

    /// The number of days that have been looked at.
    pub(super) fn steps(&self) -> u32 {
        self.steps
    }

    fn week_of_start(&self) -> NaiveDate {
        week_start(self.start, self.rule.week_start)
    }

    /// A date that is `days` days later, up to the last one.
    fn later(&self, date: NaiveDate, days: i32) -> Option<NaiveDate> {
        let days = Days::new(u64::try_from(days).ok()?);
        date.checked_add_days(days).filter(|date| *date <= self.last)
    }

    /// The days of the next period that belong to the rule. `None`: it begins after the last date.
    fn next_period(&mut self) -> Option<Vec<NaiveDate>> {
        let period = self.period;
        self.period = period.checked_add(self.rule.interval)?;
        self.steps += 1;
        let mut found = Vec::new();
        match self.rule.frequency {
            Frequency::Daily => self.look_at(self.later(self.start, period)?, 1, &mut found),
            Frequency::Weekly => {
                let first = self.later(self.week_of_start(), period.checked_mul(7)?)?;
                self.look_at(first, 7, &mut found);
            }
            Frequency::Monthly => {
                let month = month_number(self.start).checked_add(period)?;
                self.look_at_month(month.div_euclid(12), month.rem_euclid(12), &mut found)?;
            }
            Frequency::Yearly => {
                let year = self.start.year().checked_add(period).filter(|year| *year <= self.last.year())?;
                for month in 0..12 {
                    self.look_at_month(year, month, &mut found)?;
                }
            }
        }
        self.keep_positions(&mut found);
        Some(found)
    }

    fn look_at_month(&mut self, year: i32, month: i32, found: &mut Vec<NaiveDate>) -> Option<()> {
        let first = NaiveDate::from_ymd_opt(year, month.cast_unsigned() + 1, 1)?;
        if year > self.last.year() {
            return None;
        }
        if self.rule.months.is_empty() || self.rule.months.contains(month + 1) {
            self.look_at(first, u32::from(first.num_days_in_month()), found);
        } else {
            self.steps += 1;
        }
        Some(())
    }

    fn look_at(&mut self, first: NaiveDate, days: u32, found: &mut Vec<NaiveDate>) {
        self.steps += days;
        let mut day = Day::of(first);
        for _ in 0..days {
            if self.rule.has(&day) {
                found.extend(day.date());
            }
            day.advance();
        }
    }

    fn keep_positions(&self, found: &mut Vec<NaiveDate>) {
        if self.rule.positions.is_empty() {
            return;
        }
        let length = i32::try_from(found.len()).unwrap_or(i32::MAX);
        let mut position = 0;
        found.retain(|_| {
            position += 1;
            self.rule.positions.has_position(position, length)
        });
    }
}

impl Iterator for Dates {
    type Item = NaiveDate;

    fn next(&mut self) -> Option<NaiveDate> {
        loop {
            let start = self.start;
            if let Some(date) = self.found.find(|date| *date > start) {
                return (date <= self.last).then_some(date);
            }
            if self.steps >= Self::MAX_STEPS {
                return None;
            }
            self.found = self.next_period()?.into_iter();
        }
    }
}

/// A day with its places, which are cheaper to count on than to compute for each date.
struct Day {
    first: NaiveDate,
    /// The number of days after `first`.
    later: u32,
    month: i32,
    /// The day of the month and the length of the month.
    of_month: (i32, i32),
    /// The day of the year and the length of the year.
    of_year: (i32, i32),
    /// The number of days after Monday.
    weekday: usize,
}

impl Day {
    fn of(date: NaiveDate) -> Self {
        Self {
            first: date,
            later: 0,
            month: date.month().cast_signed(),
            of_month: (date.day().cast_signed(), i32::from(date.num_days_in_month())),
            of_year: (date.ordinal().cast_signed(), if date.leap_year() { 366 } else { 365 }),
            weekday: date.weekday().num_days_from_monday() as usize,
        }
    }

    fn date(&self) -> Option<NaiveDate> {
        self.first.checked_add_days(Days::new(self.later.into()))
    }

    fn advance(&mut self) {
        self.later += 1;
        self.of_month.0 += 1;
        self.of_year.0 += 1;
        self.weekday = (self.weekday + 1) % 7;
        if self.of_month.0 > self.of_month.1
            && let Some(date) = self.date()
        {
            *self = Self::of(date);
        }
    }
}

impl Rule {
    fn has(&self, day: &Day) -> bool {
        let within_year = self.frequency == Frequency::Yearly && self.months.is_empty();
        let place = if within_year { day.of_year } else { day.of_month };
        let in_week = || day.date().is_some_and(|date| has_place(&self.weeks, place_of_week(date, self.week_start)));

        (self.months.is_empty() || self.months.contains(day.month))
            && has_place(&self.month_days, day.of_month)
            && has_place(&self.year_days, day.of_year)
            && (self.weekdays.is_empty() || self.weekdays.contains(day.weekday, place))
            && (self.weeks.is_empty() || in_week())
    }
}

fn has_place(numbers: &Numbers, (place, length): (i32, i32)) -> bool {
    numbers.is_empty() || numbers.has_position(place, length)
}

/// The rule with the parts that it leaves out and that DTSTART gives (RFC 5545, section 3.3.10).
fn complete(rule: &Rule, start: NaiveDate) -> Rule {
    let mut rule = rule.clone();
    let days = !rule.weekdays.is_empty() || !rule.month_days.is_empty() || !rule.year_days.is_empty();
    if days || rule.frequency == Frequency::Daily {
        return rule;
    }
    if rule.frequency == Frequency::Weekly || !rule.weeks.is_empty() {
        rule.weekdays.insert(None, start.weekday());
        return rule;
    }
    rule.month_days.insert(start.day().cast_signed());
    if rule.frequency == Frequency::Yearly && rule.months.is_empty() {
        rule.months.insert(start.month().cast_signed());
    }
    rule
}

/// The number of the week of a day, and the number of weeks of the year to which that week belongs. Week 1 is the first one with
/// at least four days in its year (RFC 5545, section 3.3.10, BYWEEKNO).
fn place_of_week(day: NaiveDate, first: Weekday) -> (i32, i32) {
    let middle = |day: NaiveDate| week_start(day, first) + Days::new(3);
    let week = |middle: NaiveDate| middle.ordinal0().cast_signed() / 7 + 1;
    let this = middle(day);
    // 28 December always belongs to the last week of its year.
    let last = NaiveDate::from_ymd_opt(this.year(), 12, 28).map_or(52, |day| week(middle(day)));
    (week(this), last)
}

fn week_start(day: NaiveDate, first: Weekday) -> NaiveDate {
    day - Days::new(u64::from(day.weekday().days_since(first)))
}

fn month_number(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

fn days_between(from: NaiveDate, to: NaiveDate) -> i32 {
    to.num_days_from_ce() - from.num_days_from_ce()
}

/// 31 December 9999.
const LAST: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(last) => last,
    None => NaiveDate::MAX,
};
