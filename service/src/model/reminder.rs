use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Due, Zone};
use crate::recurrence::reminded_instant;

/// A reminder of a task: at an instant, or a time before the due date. It keeps the text that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reminder {
    /// The instant.
    At(ReminderInstant),
    /// The time before the due date. For a day it counts from 09:00 of that day in the time zone of the task.
    Before(LeadTime),
}

/// The instant of a reminder, as in RFC 3339, section 5.6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ReminderInstant(Due);

/// A duration of ISO 8601 with weeks, or with days, hours, minutes and seconds. A day has 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct LeadTime {
    text: String,
    seconds: u32,
}

/// The text is not a [`ReminderInstant`] or not a [`LeadTime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReminder {
    /// The instant.
    #[error("must have an `at` like 2026-01-31T09:00:00+01:00")]
    At,
    /// The duration.
    #[error("must have a `before` from PT0S to P28D, like PT15M or P1DT2H")]
    Before,
}

impl ReminderInstant {
    /// Parses a `date-time` of RFC 3339.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidReminder> {
        let due = Due::parse(text).map_err(|_| InvalidReminder::At)?;
        due.instant().map(|_| Self(due.clone())).ok_or(InvalidReminder::At)
    }

    /// The text as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl LeadTime {
    /// The longest time: 28 days.
    pub const MAX_SECONDS: u32 = 28 * 24 * 60 * 60;

    /// Parses a duration like `PT15M`, `P1DT2H` or `P2W`, of at most [`Self::MAX_SECONDS`].
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidReminder> {
        let text: String = text.into();
        let seconds = seconds(&text).filter(|seconds| *seconds <= Self::MAX_SECONDS).ok_or(InvalidReminder::Before)?;
        Ok(Self { text, seconds })
    }

    /// The text as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<LeadTime> for String {
    fn from(time: LeadTime) -> Self {
        time.text
    }
}

impl<'de> Deserialize<'de> for Reminder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Text {
            At(String),
            Before(String),
        }
        match Text::deserialize(deserializer)? {
            Text::At(text) => ReminderInstant::parse(text).map(Self::At),
            Text::Before(text) => LeadTime::parse(text).map(Self::Before),
        }
        .map_err(serde::de::Error::custom)
    }
}

impl Reminder {
    /// Whether the reminder moves with the due date.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// The time at which the reminder fires. `None` for a reminder before a due date that the task does not have.
    pub(crate) fn fires_at(&self, due: Option<&Due>, zone: Option<Zone>) -> Option<DateTime<Utc>> {
        match self {
            Self::At(instant) => instant.0.instant(),
            Self::Before(LeadTime { seconds, .. }) => {
                reminded_instant(due?, zone?).checked_sub_signed(chrono::TimeDelta::seconds((*seconds).into()))
            }
        }
    }
}

/// The length of a duration of ISO 8601 in seconds.
fn seconds(text: &str) -> Option<u32> {
    let text = text.strip_prefix('P')?;
    if let Some(weeks) = text.strip_suffix('W') {
        return number(weeks)?.checked_mul(7 * 24 * 60 * 60);
    }
    let (days, time) = match text.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        None if !text.is_empty() => (text, ""),
        _ => return None,
    };
    let units = |part: &str, units: &[(char, u32)]| -> Option<u32> {
        let (mut rest, mut sum) = (part, 0_u32);
        for (unit, length) in units {
            if let Some((digits, behind)) = rest.split_once(*unit) {
                sum = sum.checked_add(number(digits)?.checked_mul(*length)?)?;
                rest = behind;
            }
        }
        rest.is_empty().then_some(sum)
    };
    units(days, &[('D', 24 * 60 * 60)])?.checked_add(units(time, &[('H', 60 * 60), ('M', 60), ('S', 1)])?)
}

fn number(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_time_is_a_duration_of_iso_8601_up_to_28_days() {
        let seconds = |text: &str| LeadTime::parse(text).map(|time| time.seconds);
        for (text, expected) in [
            ("PT0S", 0),
            ("PT15M", 900),
            ("PT1H30M", 5400),
            ("P1D", 86_400),
            ("P1DT2H3M4S", 93_784),
            ("P4W", LeadTime::MAX_SECONDS),
            ("P28D", LeadTime::MAX_SECONDS),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
            assert_eq!(LeadTime::parse(text).unwrap().as_str(), text);
        }
        let refused = [
            "",
            "P",
            "PT",
            "P1",
            "P1DT",
            "15M",
            "PT15",
            "PT1M1H",
            "P1M",
            "P1Y",
            "PT1.5H",
            "PT-1M",
            "P29D",
            "P1W2D",
            "pt1m",
            "PT99999999999S",
            "PTM",
            "P4WT1S",
        ];
        for text in refused {
            assert_eq!(seconds(text), Err(InvalidReminder::Before), "{text}");
        }
    }

    #[test]
    fn a_reminder_is_stored_as_it_was_sent() {
        for text in [r#"{"at":"2026-01-31T09:00:00+01:00"}"#, r#"{"before":"PT15M"}"#] {
            let reminder: Reminder = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&reminder).unwrap(), text);
        }
        for text in [r#"{"at":"2026-01-31"}"#, r#"{"at":"2026-01-31T09:00"}"#, r#"{"before":"soon"}"#, "{}"] {
            assert!(serde_json::from_str::<Reminder>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_relative_reminder_counts_from_the_instant_of_the_due_date_and_for_a_day_from_nine_o_clock() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let fires = |due: &str, before: &str| {
            let reminder = Reminder::Before(LeadTime::parse(before).unwrap());
            let due = Due::parse(due).unwrap();
            reminder.fires_at(Some(&due), Some(berlin)).unwrap().to_rfc3339()
        };
        assert_eq!(fires("2026-01-31", "PT0S"), "2026-01-31T08:00:00+00:00");
        assert_eq!(fires("2026-07-31", "P1D"), "2026-07-30T07:00:00+00:00");
        assert_eq!(fires("2026-01-31T10:00", "PT15M"), "2026-01-31T08:45:00+00:00");
        assert_eq!(fires("2026-03-29T02:30", "PT0S"), "2026-03-29T01:30:00+00:00", "the gap moves it");
        assert_eq!(fires("2026-01-31T10:00:00Z", "PT1H"), "2026-01-31T09:00:00+00:00");
        let relative = Reminder::Before(LeadTime::parse("PT0S").unwrap());
        assert_eq!(relative.fires_at(None, Some(berlin)), None);
    }
}
