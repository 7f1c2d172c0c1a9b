//! Random rules. The random numbers are the same in each run, and cheap, because there are many rules.

use chrono::{DateTime, Days, TimeDelta};

use super::dates::Dates;
use super::preview::preview_counted;
use super::{Missed, RecurFrom, Recurrence, Series, Slot, Zone, moment};
use crate::model::Due;

/// The steps of the longest period, a year, come on top of the budget, which is compared before each period.
const BUDGET: u32 = Dates::MAX_STEPS + 400;

/// Random numbers by xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u32::try_from(high % u64::from(limit)).unwrap()
    }

    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(u32::try_from(items.len()).unwrap()) as usize]
    }

    /// A part with one to five numbers from `min` to `max`.
    fn numbers(&mut self, name: &str, min: i32, max: i32) -> String {
        let numbers = (0..=self.below(5)).map(|_| self.number(min, max)).collect::<Vec<_>>();
        format!("{name}={}", numbers.join(","))
    }

    fn number(&mut self, min: i32, max: i32) -> String {
        (min + self.below((max - min).cast_unsigned() + 1).cast_signed()).to_string()
    }

    /// The text of a rule. Most are accepted.
    fn rule(&mut self) -> String {
        let frequency = self.one_of(&["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
        let mut parts = vec![format!("FREQ={frequency}")];
        let yearly = frequency == "YEARLY" || self.once_in(20);
        if self.once_in(3) {
            parts.push(format!("INTERVAL={}", self.number(1, 12)));
        }
        if self.once_in(3) {
            parts.push(self.numbers("BYMONTH", 1, 12));
        }
        if yearly && self.once_in(4) {
            parts.push(self.numbers("BYWEEKNO", -53, 53));
        }
        if yearly && self.once_in(4) {
            parts.push(self.numbers("BYYEARDAY", -366, 366));
        }
        if (frequency != "WEEKLY" || self.once_in(20)) && self.once_in(3) {
            parts.push(self.numbers("BYMONTHDAY", -31, 31));
        }
        if self.once_in(2) {
            let numbered = frequency == "MONTHLY" || yearly;
            let days = (0..=self.below(4)).map(|_| {
                let number = if numbered && self.once_in(3) { self.number(-5, 5) } else { String::new() };
                number + self.weekday()
            });
            parts.push(format!("BYDAY={}", days.collect::<Vec<_>>().join(",")));
        }
        if self.once_in(4) {
            parts.push(self.numbers("BYSETPOS", -4, 4));
        }
        if self.once_in(4) {
            parts.push(format!("WKST={}", self.weekday()));
        }
        match self.below(6) {
            0 => parts.push(format!("COUNT={}", self.number(1, 10_000))),
            1 => parts.push(format!("UNTIL={:04}0615", self.below(9_999))),
            _ => (),
        }
        let rule = parts.join(";");
        if self.once_in(20) { self.damaged(rule) } else { rule }
    }

    fn weekday(&mut self) -> &'static str {
        self.one_of(&["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
    }

    /// The rule with a part of another one, or without its end.
    fn damaged(&mut self, mut rule: String) -> String {
        let at = self.below(u32::try_from(rule.len()).unwrap()) as usize;
        let inserted =
            self.one_of(&[";", "=", ",", "-", "0", "99999999999", "ä", "\0", "BYHOUR=1", "FREQ=HOURLY", "\u{1f980}"]);
        if self.once_in(2) {
            rule.truncate(at);
        } else {
            rule.insert_str(at, inserted);
        }
        rule
    }

    fn due(&mut self) -> Due {
        let year = if self.once_in(4) { 1 + self.below(9_999) } else { 1_990 + self.below(50) };
        let (month, day) = (1 + self.below(12), 1 + self.below(28));
        let time = self.one_of(&["", "T02:30", "T02:30:00", "T23:30:00Z", "T00:30:00+14:00", "T12:00:00.5-12:00"]);
        Due::parse(format!("{year:04}-{month:02}-{day:02}{time}")).unwrap()
    }

    fn zone(&mut self) -> Zone {
        let names = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"];
        Zone::parse(self.one_of(&names)).unwrap()
    }
}

#[test]
fn no_rule_of_a_hundred_thousand_panics_takes_too_many_steps_goes_back_or_lands_in_the_past() {
    let mut random = Random(1);
    let mut accepted = 0;
    for _ in 0..100_000 {
        let (text, mut due, zone) = (random.rule(), random.due(), random.zone());
        let Ok(rule) = Recurrence::parse(&text, &due, zone) else { continue };
        accepted += 1;
        let from = random.one_of(&[RecurFrom::Due, RecurFrom::Completion]);
        let missed = random.one_of(&[Missed::Skip, Missed::Keep]);
        let mut series = Series::new(rule, zone, from, missed);
        let mut slot = series.slot_of(&due);
        for _ in 0..2 {
            let at = moment::of_wall(slot.wall(), zone).at + TimeDelta::days(i64::from(random.below(3_000)) - 500);
            let (next, steps) = series.next_counted(&slot, &due, at);
            assert!(steps <= BUDGET, "{text}: {steps}");
            let Some(next) = next else { break };
            assert!(next.slot > slot, "{text}: {} after {slot}", next.slot);
            assert!(next.at > at || missed == Missed::Keep && from == RecurFrom::Due, "{text}: {} at {at}", next.at);
            assert!(Due::parse(next.due.as_str()).is_ok() && Slot::parse(next.slot.as_str()).is_ok());
            (slot, due, series.left) = (next.slot, next.due, next.left);
        }
    }
    assert!(accepted > 50_000, "{accepted}");
}

#[test]
fn the_dates_from_one_occurrence_to_the_next_are_those_of_one_pass() {
    let mut random = Random(2);
    for _ in 0..2_000 {
        let (text, due, zone) = (random.rule(), random.due(), random.zone());
        let Ok(rule) = Recurrence::parse(&text, &due, zone) else { continue };
        let (whole, steps) = preview_counted(&rule, &due, zone, 10);
        assert!(steps <= BUDGET);
        let mut series = Series::new(rule, zone, RecurFrom::Due, Missed::Keep);
        let mut last = whole[0].clone();
        for occurrence in &whole[1..] {
            last = series.next(&last.slot, &last.due, DateTime::UNIX_EPOCH).unwrap();
            assert_eq!(&last, occurrence, "{text}");
            series.left = last.left;
        }
    }
}

#[test]
fn a_jump_over_an_absence_finds_the_same_date_as_counting() {
    let mut random = Random(3);
    for _ in 0..2_000 {
        let (text, due) = (random.rule(), random.due());
        let Ok(rule) = Recurrence::parse(&text, &due, Zone::default()) else { continue };
        let start = Slot::of(&due, Zone::default()).day();
        let absent = start.checked_add_days(Days::new(random.below(4_000).into())).unwrap();
        let mut jumped = Dates::after(rule.rule(), start);
        jumped.skip_to(absent);
        let found = jumped.find(|date| *date > absent);
        assert_eq!(found, Dates::after(rule.rule(), start).find(|date| *date > absent), "{text} from {start}");
    }
}
