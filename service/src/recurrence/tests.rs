//! Runs `docs/recurrence/vectors.json`.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde::Deserialize;

use super::preview::preview_counted;
use super::*;
use crate::model::Due;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    time_zone: String,
    due_date: String,
    recurrence: String,
    #[serde(default)]
    recurrence_from: RecurFrom,
    #[serde(default)]
    missed: Missed,
    #[serde(default)]
    dates: Vec<Expected>,
    #[serde(default)]
    ends: bool,
    #[serde(default)]
    completions: Vec<Completion>,
}

#[derive(Deserialize)]
struct Completion {
    at: DateTime<Utc>,
    next: Option<Expected>,
}

/// An occurrence: its due date alone if no clock change affects it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expected {
    Usual(String),
    Shifted { due_date: String, occurrence: String, shifted: Shifted },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shifted {
    Gap,
    Overlap,
}

impl Vector {
    fn zone(&self) -> Zone {
        Zone::parse(&self.time_zone).unwrap()
    }

    fn rule(&self) -> Recurrence {
        Recurrence::parse(&self.recurrence, &due(&self.due_date), self.zone())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    fn check_preview(&self) {
        let more = u32::try_from(self.dates.len()).unwrap() + 1;
        let (found, _) = preview_counted(&self.rule(), &due(&self.due_date), self.zone(), more);
        for (found, expected) in found.iter().zip(&self.dates) {
            self.check(found, expected);
        }
        assert_eq!(found.len(), self.dates.len() + usize::from(!self.ends), "{}", self.name);
    }

    fn check_completions(&self) {
        let mut due = due(&self.due_date);
        let mut series = Series::new(self.rule(), self.zone(), self.recurrence_from, self.missed);
        let mut slot = series.slot_of(&due);
        for Completion { at, next: expected } in &self.completions {
            // As it is stored.
            series = serde_json::from_str(&serde_json::to_string(&series).unwrap()).unwrap();
            slot = Slot::parse(slot.as_str()).unwrap();
            let next = series.next(&slot, &due, *at);
            match (&next, expected) {
                (Some(next), Some(expected)) => self.check(next, expected),
                (None, None) => (),
                differ => panic!("{}: {differ:?}", self.name),
            }
            if let Some(next) = next {
                (slot, due, series.left) = (next.slot, next.due, next.left);
            }
        }
    }

    fn check(&self, found: &Occurrence, expected: &Expected) {
        let (due_date, slot, shifted) = match expected {
            Expected::Usual(due_date) => (due_date, None, None),
            Expected::Shifted { due_date, occurrence, shifted: Shifted::Gap } => {
                (due_date, Some(occurrence), Some(Shift::Gap))
            }
            Expected::Shifted { due_date, occurrence, shifted: Shifted::Overlap } => {
                (due_date, Some(occurrence), Some(Shift::Overlap))
            }
        };
        assert_eq!((found.due.as_str(), found.shifted), (due_date.as_str(), shifted), "{}", self.name);
        let slot = slot.map_or_else(|| Slot::of(&due(due_date), self.zone()).to_string(), Clone::clone);
        assert_eq!(found.slot.as_str(), slot, "{}", self.name);
    }
}

fn due(text: &str) -> Due {
    Due::parse(text).unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn parse(text: &str, due_date: &str) -> Result<String, InvalidRecurrence> {
    Recurrence::parse(text, &due(due_date), berlin()).map(|rule| rule.as_str().to_owned())
}

fn series(rule: &str, first: &Due) -> Series {
    let rule = Recurrence::parse(rule, first, berlin()).unwrap();
    Series::new(rule, berlin(), RecurFrom::Due, Missed::Skip)
}

#[test]
fn every_vector_gives_its_dates() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../../docs/recurrence/vectors.json")).unwrap();
    assert!(vectors.vectors.len() > 90);
    for vector in vectors.vectors {
        assert_ne!(vector.dates.is_empty(), vector.completions.is_empty(), "{}", vector.name);
        if vector.completions.is_empty() { vector.check_preview() } else { vector.check_completions() }
    }
}

#[test]
fn a_year_of_a_daily_task_at_half_past_two_in_berlin_has_one_gap_and_one_overlap_and_no_drift() {
    for form in ["2026-01-01T02:30", "2026-01-01T02:30:00", "2026-01-01T02:30:00+01:00"] {
        let mut current = due(form);
        let series = series("FREQ=DAILY", &current);
        let mut slot = series.slot_of(&current);
        let mut shifts = Vec::new();
        let mut at = utc("2026-01-01T01:30:00Z");
        for day in 1..=365 {
            let next = series.next(&slot, &current, at + TimeDelta::minutes(1)).unwrap();
            let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(day);
            assert_eq!(next.slot.as_str(), format!("{date}T02:30:00"));
            assert!((23..=25).contains(&(next.at - at).num_hours()));
            shifts.extend(next.shifted.map(|shift| (shift, next.due.as_str().to_owned())));
            (slot, current, at) = (next.slot, next.due, next.at);
        }
        let [gap, overlap] = match form.len() {
            16 => ["2026-03-29T03:30", "2026-10-25T02:30"],
            19 => ["2026-03-29T03:30:00", "2026-10-25T02:30:00"],
            _ => ["2026-03-29T03:30:00+02:00", "2026-10-25T02:30:00+02:00"],
        };
        assert_eq!(shifts, [(Shift::Gap, gap.to_owned()), (Shift::Overlap, overlap.to_owned())]);
    }
}

#[test]
fn a_preset_in_any_case_becomes_the_rule_that_it_means() {
    for (preset, first, rule) in [
        ("daily", "2026-01-31", "FREQ=DAILY"),
        ("Weekdays", "2026-01-31", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        (" WEEKLY ", "2026-01-31", "FREQ=WEEKLY"),
        ("monthly", "2026-01-28T09:00", "FREQ=MONTHLY"),
        ("monthly", "2026-01-29", "FREQ=MONTHLY;BYMONTHDAY=28,29;BYSETPOS=-1"),
        ("monthly", "2026-01-30T09:00", "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1"),
        ("monthly", "2026-01-31", "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1"),
        // It is 1 February in Berlin.
        ("monthly", "2026-01-31T23:30:00Z", "FREQ=MONTHLY"),
        ("yearly", "2028-02-28", "FREQ=YEARLY"),
        ("yearly", "2028-02-29", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1"),
    ] {
        assert!(Recurrence::is_preset(preset) && !Recurrence::is_rule(preset));
        assert_eq!(parse(preset, first).as_deref(), Ok(rule), "{preset} from {first}");
    }
}

#[test]
fn a_rule_keeps_its_parts_in_upper_case_without_its_prefix() {
    for (sent, kept) in [
        ("FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("rrule:freq=weekly;byday=mo,th;", "FREQ=WEEKLY;BYDAY=MO,TH"),
        (" RRULE:INTERVAL=1;FREQ=DAILY ", "INTERVAL=1;FREQ=DAILY"),
        ("FREQ=MONTHLY;BYDAY=+1MO,-1FR;COUNT=3", "FREQ=MONTHLY;BYDAY=+1MO,-1FR;COUNT=3"),
    ] {
        assert!(Recurrence::is_rule(sent) && !Recurrence::is_preset(sent));
        assert_eq!(parse(sent, "2026-01-05").as_deref(), Ok(kept));
        assert_eq!(parse(kept, "2026-01-05").as_deref(), Ok(kept));
    }
    let counted = Recurrence::parse("FREQ=DAILY;COUNT=3", &due("2026-01-05"), berlin()).unwrap();
    assert_eq!((counted.count(), counted.as_str()), (Some(3), "FREQ=DAILY;COUNT=3"));
}

#[test]
fn a_rule_that_is_refused_says_why() {
    use InvalidRecurrence as E;
    let long = format!("FREQ=YEARLY;BYMONTHDAY={}", vec!["1"; 300].join(","));
    for (rule, why) in [
        ("", E::NotARule),
        ("sometimes", E::NotARule),
        ("FREQ=DAILY;;COUNT=2", E::NotARule),
        (long.as_str(), E::TooLong),
        ("BYDAY=MO", E::Frequency),
        ("FREQ=FORTNIGHTLY", E::Frequency),
        ("FREQ=SECONDLY", E::TooOften),
        ("FREQ=MINUTELY", E::TooOften),
        ("FREQ=HOURLY", E::TooOften),
        ("FREQ=DAILY;BYHOUR=9", E::TimeOfDay),
        ("FREQ=DAILY;BYMINUTE=9", E::TimeOfDay),
        ("FREQ=DAILY;BYSECOND=9", E::TimeOfDay),
        ("FREQ=DAILY;INTERVAL=0", E::Interval),
        ("FREQ=DAILY;INTERVAL=1001", E::Interval),
        ("FREQ=DAILY;INTERVAL=-1", E::Interval),
        ("FREQ=DAILY;INTERVAL=+1", E::Interval),
        ("FREQ=DAILY;INTERVAL=99999999999999999999", E::Interval),
        ("FREQ=DAILY;COUNT=0", E::Count),
        ("FREQ=DAILY;COUNT=10001", E::Count),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", E::CountAndUntil),
        ("FREQ=DAILY;UNTIL=2027-01-01", E::Until),
        ("FREQ=DAILY;UNTIL=20270101Z", E::Until),
        ("FREQ=DAILY;UNTIL=20270230", E::Until),
        ("FREQ=DAILY;UNTIL=20270101T0900", E::Until),
        ("FREQ=DAILY;UNTIL=20270101T090000", E::UntilKind),
        ("FREQ=DAILY;UNTIL=20270101T090000Z", E::UntilKind),
        ("FREQ=DAILY;UNTIL=20260104", E::UntilBeforeDue),
        ("FREQ=DAILY;BYEASTER=0", E::UnknownPart),
        ("FREQ=DAILY;FREQ=DAILY", E::Twice),
        ("FREQ=YEARLY;BYMONTH=1;BYMONTH=2", E::Twice),
        ("FREQ=YEARLY;BYMONTH=13", E::Number),
        ("FREQ=YEARLY;BYMONTH=-1", E::Number),
        ("FREQ=MONTHLY;BYMONTHDAY=0", E::Number),
        ("FREQ=MONTHLY;BYMONTHDAY=32", E::Number),
        ("FREQ=MONTHLY;BYMONTHDAY=1,", E::Number),
        ("FREQ=YEARLY;BYYEARDAY=367", E::Number),
        ("FREQ=YEARLY;BYWEEKNO=-54", E::Number),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", E::Number),
        ("FREQ=WEEKLY;BYDAY=XX", E::Weekday),
        ("FREQ=WEEKLY;BYDAY=", E::Weekday),
        ("FREQ=WEEKLY;BYDAY=MÖ", E::Weekday),
        ("FREQ=MONTHLY;BYDAY=0MO", E::Weekday),
        ("FREQ=YEARLY;BYDAY=54MO", E::Weekday),
        ("FREQ=WEEKLY;WKST=1", E::WeekStart),
        ("FREQ=DAILY;BYDAY=1MO", E::NumberedWeekday),
        ("FREQ=WEEKLY;BYDAY=1MO", E::NumberedWeekday),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", E::NumberedWeekday),
        ("FREQ=WEEKLY;BYMONTHDAY=1", E::MonthDay),
        ("FREQ=MONTHLY;BYYEARDAY=1", E::YearDay),
        ("FREQ=MONTHLY;BYWEEKNO=1", E::WeekNumber),
        ("FREQ=DAILY;BYSETPOS=1", E::Position),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", E::Never),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2", E::Never),
        ("FREQ=MONTHLY;BYDAY=6MO", E::Never),
        ("FREQ=YEARLY;INTERVAL=11", E::Never),
        ("FREQ=MONTHLY;INTERVAL=1000", E::Never),
    ] {
        assert_eq!(parse(rule, "2026-01-05"), Err(why), "{rule}");
        assert!(why.to_string().starts_with("must "));
    }
}

#[test]
fn until_must_have_the_kind_of_the_due_date_and_a_day_fits_every_kind() {
    for (until, first, fits) in [
        ("20270101", "2026-01-05", true),
        ("20270101", "2026-01-05T09:00", true),
        ("20270101", "2026-01-05T09:00:00Z", true),
        ("20270101T090000", "2026-01-05T09:00", true),
        ("20270101T090000Z", "2026-01-05T09:00", true),
        ("20270101T090000Z", "2026-01-05T09:00:00Z", true),
        ("20270101T090000", "2026-01-05T09:00:00Z", false),
        ("20270101T090000", "2026-01-05", false),
        ("20270101T090000Z", "2026-01-05", false),
    ] {
        let parsed = parse(&format!("FREQ=DAILY;UNTIL={until}"), first);
        assert_eq!(parsed.is_ok(), fits, "{until} for {first}");
    }
}

#[test]
fn a_series_is_stored_as_short_json() {
    let series = series("FREQ=DAILY;COUNT=3", &due("2026-01-05"));
    let json = r#"{"rule":"FREQ=DAILY;COUNT=3","tz":"Europe/Berlin","from":"due","missed":"skip","left":2}"#;
    assert_eq!(serde_json::to_string(&series).unwrap(), json);
    assert_eq!(serde_json::from_str::<Series>(json).unwrap(), series);
    assert!(serde_json::from_str::<Series>(&json.replace("DAILY", "HOURLY")).is_err());
}

#[test]
fn slots_have_one_form_for_each_kind_and_sort_by_time() {
    for text in ["2026-03-29", "2026-03-29T02:30:00"] {
        assert_eq!(Slot::parse(text).unwrap().as_str(), text);
    }
    for text in ["", "2026-03-29T02:30", "2026-03-29T02:30:00Z", "2026-02-30", "tomorrow"] {
        assert_eq!(Slot::parse(text), Err(InvalidSlot), "{text}");
    }
    assert_eq!(Slot::of(&due("2026-03-29T01:30:00.75Z"), berlin()).as_str(), "2026-03-29T03:30:00");
    assert_eq!(Slot::of(&due("0000-01-01T00:00:00+14:00"), berlin()).as_str(), "0001-01-01T00:00:00");
    assert!(Slot::parse("2026-03-29").unwrap() < Slot::parse("2026-03-30").unwrap());
}

#[test]
fn a_day_is_due_at_its_last_microsecond_in_the_time_zone() {
    let first = due("2026-03-28");
    let series = series("FREQ=DAILY", &first);
    let next = series.next(&series.slot_of(&first), &first, utc("2026-03-28T12:00:00Z")).unwrap();
    assert_eq!((next.due.as_str(), next.at), ("2026-03-29", utc("2026-03-29T21:59:59.999999Z")));
}

#[test]
fn a_due_date_that_was_moved_keeps_its_own_form_and_time() {
    let first = due("2026-01-05");
    let series = series("FREQ=DAILY", &first);
    let next = series.next(&series.slot_of(&first), &due("2026-01-05T09:00"), utc("2026-01-05T12:00:00Z")).unwrap();
    assert_eq!((next.slot.as_str(), next.due.as_str()), ("2026-01-06T09:00:00", "2026-01-06T09:00"));
}

#[test]
fn a_long_absence_is_jumped_over() {
    let first = due("2017-01-01T08:00");
    for (rule, most) in [
        ("FREQ=DAILY", 10),
        ("FREQ=DAILY;INTERVAL=7", 10),
        ("FREQ=WEEKLY;BYDAY=MO,FR", 20),
        ("FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", 100),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", 2_000),
        // COUNT counts what was missed, one day at a time.
        ("FREQ=DAILY;COUNT=10000", 7_000),
    ] {
        let series = series(rule, &first);
        let (next, steps) = series.next_counted(&series.slot_of(&first), &first, utc("2026-01-05T12:00:00Z"));
        assert!(next.unwrap().at > utc("2026-01-05T12:00:00Z") && steps <= most, "{rule}: {steps}");
    }
}

#[test]
fn count_counts_the_occurrences_that_were_missed() {
    let first = due("2026-01-01");
    let series = series("FREQ=DAILY;COUNT=10", &first);
    let at = |text| series.next(&series.slot_of(&first), &first, utc(text));
    assert_eq!(at("2026-01-01T12:00:00Z").unwrap().left, Some(8));
    assert_eq!(at("2026-01-05T12:00:00Z").unwrap().left, Some(5));
    assert_eq!(at("2026-01-10T12:00:00Z").unwrap().left, Some(0));
    assert_eq!(at("2026-01-11T12:00:00Z"), None);
}
