//! The dates of the model: daily and weekly rules with INTERVAL, in zones without clock changes.

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, SecondsFormat};

/// The time zones of the model. The clocks of both never change.
pub const ZONES: [&str; 2] = ["UTC", "Asia/Kolkata"];
/// The rules of the model.
pub const RULES: [&str; 6] = [
    "FREQ=DAILY",
    "FREQ=WEEKLY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;INTERVAL=2",
    "FREQ=DAILY;COUNT=2",
    "FREQ=WEEKLY;INTERVAL=2;COUNT=3",
];

fn part(rule: &str, name: &str) -> Option<u32> {
    let part = rule.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
    Some(part.parse().unwrap())
}

/// Returns the number of occurrences after the first one that COUNT allows.
pub fn left(rule: &str) -> Option<u32> {
    part(rule, "COUNT").map(|count| count - 1)
}

fn offset(zone: &str) -> FixedOffset {
    let half_hours = if zone == "UTC" { 0 } else { 11 };
    FixedOffset::east_opt(half_hours * 1800).unwrap()
}

/// Returns the day of a due date, or the time of an occurrence, without seconds of which the model has none.
fn day_and_time(text: &str, zone: &str) -> (NaiveDate, Option<NaiveTime>) {
    match text.len() {
        10 => (text.parse().unwrap(), None),
        16 | 19 => (text[..10].parse().unwrap(), Some(text[11..].parse().unwrap())),
        _ => {
            let wall = DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&offset(zone)).naive_local();
            (wall.date(), Some(wall.time()))
        }
    }
}

fn occurrence(day: NaiveDate, time: Option<NaiveTime>) -> String {
    match time {
        None => day.to_string(),
        Some(time) => format!("{day}T{}", time.format("%H:%M:%S")),
    }
}

/// Returns the day or the time that a due date stands for.
pub fn occurrence_of(due_date: &str, zone: &str) -> String {
    let (day, time) = day_and_time(due_date, zone);
    occurrence(day, time)
}

/// Returns the next occurrence and its due date, which has the form of the current one.
pub fn next(rule: &str, zone: &str, current: &str, due_date: &str) -> (String, String) {
    let days = if rule.starts_with("FREQ=WEEKLY") { 7 } else { 1 } * u64::from(part(rule, "INTERVAL").unwrap_or(1));
    let ((day, own_time), (_, due_time)) = (day_and_time(current, zone), day_and_time(due_date, zone));
    let day = day.checked_add_days(Days::new(days)).unwrap();
    let time = due_time.map(|time| own_time.unwrap_or(time));
    let wall = day.and_time(time.unwrap_or_default());
    let due_date = match due_date.len() {
        10 => day.to_string(),
        16 => wall.format("%Y-%m-%dT%H:%M").to_string(),
        19 => wall.format("%Y-%m-%dT%H:%M:%S").to_string(),
        _ => wall.and_local_timezone(offset(zone)).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true),
    };
    (occurrence(day, time), due_date)
}
