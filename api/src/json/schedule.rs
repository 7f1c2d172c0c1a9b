//! The fields of a task that recurs or has reminders.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::recurrence::{self, InvalidRecurrence, Recurrence, Zone};
use service::tasks::{self, Change, LeadTime, NewTask, Reminder, ReminderInstant, RuleText, Schedule, ScheduleChanges};
use utoipa::ToSchema;

use super::invalid::Reason;
use crate::error::{FieldCode, FieldError};

/// The date from which INTERVAL of a rule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecurrenceFrom {
    /// The due date of the occurrence.
    #[default]
    Due,
    /// The local day on which the occurrence is completed.
    Completion,
}

/// What happens to occurrences that have passed when one is completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are left out. The next occurrence is after now.
    #[default]
    Skip,
    /// Each of them is made.
    Keep,
}

impl From<recurrence::RecurFrom> for RecurrenceFrom {
    fn from(from: recurrence::RecurFrom) -> Self {
        match from {
            recurrence::RecurFrom::Due => Self::Due,
            recurrence::RecurFrom::Completion => Self::Completion,
        }
    }
}

impl From<RecurrenceFrom> for recurrence::RecurFrom {
    fn from(from: RecurrenceFrom) -> Self {
        match from {
            RecurrenceFrom::Due => Self::Due,
            RecurrenceFrom::Completion => Self::Completion,
        }
    }
}

impl From<recurrence::Missed> for Missed {
    fn from(missed: recurrence::Missed) -> Self {
        match missed {
            recurrence::Missed::Skip => Self::Skip,
            recurrence::Missed::Keep => Self::Keep,
        }
    }
}

impl From<Missed> for recurrence::Missed {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Skip => Self::Skip,
            Missed::Keep => Self::Keep,
        }
    }
}

/// The fields of an answer that only a task with a series or with reminders has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScheduleFields {
    pub(super) recurrence: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) recurrence_from: Option<RecurrenceFrom>,
    pub(super) missed: Option<Missed>,
    pub(super) series_id: Option<i64>,
    pub(super) occurrence: Option<String>,
    pub(super) reminders: Option<Vec<Reminder>>,
    pub(super) next_id: Option<i64>,
}

impl ScheduleFields {
    /// Returns the fields of a task. A plain task has none of them, which allocates nothing.
    pub(super) fn of(task: &mut tasks::Task) -> Self {
        let (series_id, occurrence, schedule) = (task.series_id, task.occurrence.take(), task.schedule.take());
        if series_id.is_none() && schedule.is_none() {
            return Self::default();
        }
        let time_zone = schedule.as_ref().and_then(|schedule| schedule.zone());
        let Schedule { series, reminders, next, .. } = schedule.map(|schedule| *schedule).unwrap_or_default();
        Self {
            recurrence: series.as_ref().map(|series| series.rule.as_str().to_owned()),
            time_zone: time_zone.map(|zone| zone.name().to_owned()),
            recurrence_from: series.as_ref().map(|series| series.from.into()),
            missed: series.as_ref().map(|series| series.missed.into()),
            series_id,
            occurrence: occurrence.map(|slot| slot.as_str().to_owned()),
            reminders: Some(reminders).filter(|reminders| !reminders.is_empty()),
            next_id: next.filter(|_| task.completed),
        }
    }
}

/// A `recurrence` as it was sent.
#[derive(Debug)]
pub(super) enum SentRule {
    /// Null.
    Null,
    /// A text.
    Text(String),
    /// False.
    False,
    /// A value that is no rule.
    Foreign,
}

/// Reminders as they were sent.
#[derive(Debug)]
pub(super) enum SentReminders {
    /// Null.
    Null,
    /// Another value that means no reminders: false, `""` or `none`.
    None,
    /// A list.
    List(Vec<Value>),
}

/// The fields of a body that set a schedule.
#[derive(Debug, Default)]
pub(super) struct SentSchedule {
    pub(super) recurrence: Change<SentRule>,
    pub(super) time_zone: Change<Option<String>>,
    pub(super) recurrence_from: Change<Option<RecurrenceFrom>>,
    pub(super) missed: Change<Option<Missed>>,
    pub(super) reminders: Change<SentReminders>,
}

impl SentSchedule {
    /// Checks the fields, each by itself. Whether they fit the task is checked when the task is known.
    ///
    /// # Errors
    /// The first mistake. With `strict`, the forms of front ends are mistakes.
    pub(super) fn check(self, strict: bool) -> Result<Option<Box<ScheduleChanges>>, FieldError> {
        let changes = ScheduleChanges {
            recurrence: match self.recurrence {
                Change::Keep => Change::Keep,
                Change::To(sent) => rule(sent, strict)?,
            },
            zone: self.time_zone.try_map(|name| zone(name.as_deref(), strict))?,
            from: self.recurrence_from.map(|from| from.unwrap_or_default().into()),
            missed: self.missed.map(|missed| missed.unwrap_or_default().into()),
            reminders: self.reminders.try_map(|sent| reminders(sent, strict))?,
        };
        Ok((changes != ScheduleChanges::default()).then(|| Box::new(changes)))
    }
}

/// Leaves out the word of a new task (`daily` or another) that front ends send without a due date or without a time zone. The task
/// is a plain one then.
pub(crate) fn ignore_incomplete(new: &mut NewTask) {
    let Some(schedule) = &mut new.schedule else { return };
    let is_complete = new.due.is_some() && matches!(schedule.zone, Change::To(Some(_)));
    if matches!(&schedule.recurrence, Change::To(Some(rule)) if rule.is_optional && !is_complete) {
        schedule.recurrence = Change::Keep;
    }
}

/// Makes a mistake of each rule that would be ignored. `sent` is the value of `recurrence`, if there is one.
///
/// # Errors
/// The value is no rule.
pub(crate) fn demand_rule(schedule: Option<&mut ScheduleChanges>, sent: Option<&Value>) -> Result<(), FieldError> {
    match schedule.map(|schedule| &mut schedule.recurrence) {
        Some(Change::To(Some(rule))) => rule.is_optional = false,
        Some(Change::To(None)) => {}
        Some(Change::Keep) | None if sent.is_none_or(Value::is_null) => {}
        Some(Change::Keep) | None => return Err(invalid("recurrence", &InvalidRecurrence::NotARule)),
    }
    Ok(())
}

/// Whether a text means that there is no rule, or no reminder. Some front ends send it instead of null.
fn means_none(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("none")
}

fn rule(sent: SentRule, strict: bool) -> Result<Change<Option<RuleText>>, FieldError> {
    match sent {
        SentRule::Null => Ok(Change::To(None)),
        SentRule::Text(text) if Recurrence::is_rule(&text) => {
            Ok(Change::To(Some(RuleText { text, is_optional: false })))
        }
        SentRule::Text(text) if Recurrence::is_preset(&text) => {
            Ok(Change::To(Some(RuleText { text, is_optional: !strict })))
        }
        _ if strict => Err(invalid("recurrence", &InvalidRecurrence::NotARule)),
        SentRule::False => Ok(Change::To(None)),
        SentRule::Text(text) if means_none(&text) => Ok(Change::To(None)),
        SentRule::Text(_) | SentRule::Foreign => Ok(Change::Keep),
    }
}

fn zone(name: Option<&str>, strict: bool) -> Result<Option<Zone>, FieldError> {
    let name = name.filter(|name| strict || !name.is_empty());
    name.map(|name| Zone::parse(name).map_err(|reason| invalid("time_zone", &reason))).transpose()
}

fn reminders(sent: SentReminders, strict: bool) -> Result<Vec<Reminder>, FieldError> {
    let mistake = |code, problem: &str| Err(FieldError::of_body("reminders", code, format!("reminders {problem}")));
    match sent {
        SentReminders::None if strict => mistake(FieldCode::WrongType, "must be a list"),
        SentReminders::Null | SentReminders::None => Ok(Vec::new()),
        SentReminders::List(list) if list.len() > Schedule::MAX_REMINDERS => {
            mistake(FieldCode::TooMany, &format!("must be at most {}", Schedule::MAX_REMINDERS))
        }
        SentReminders::List(list) => list.iter().map(|value| reminder(value, strict)).collect(),
    }
}

fn reminder(value: &Value, strict: bool) -> Result<Reminder, FieldError> {
    let text = |name| value.get(name).filter(|value| !value.is_null());
    let others = value.as_object().into_iter().flatten().filter(|(name, _)| !["at", "before"].contains(&name.as_str()));
    let parsed = match (text("at"), text("before")) {
        (Some(at), None) => ReminderInstant::parse(at.as_str().unwrap_or_default()).map(Reminder::At),
        (None, Some(before)) => LeadTime::parse(before.as_str().unwrap_or_default()).map(Reminder::Before),
        _ => {
            let problem = "reminders must each have either `at` or `before`";
            return Err(FieldError::of_body("reminders", FieldCode::Invalid, problem));
        }
    };
    if let Some((name, _)) = others.into_iter().next().filter(|_| strict) {
        let name: String = name.chars().take(100).collect();
        let problem = format!("reminders must have only `at` or `before`, and not {name}");
        return Err(FieldError::of_body("reminders", FieldCode::UnknownField, problem));
    }
    parsed.map_err(|reason| invalid("reminders", &reason))
}

fn invalid(field: &'static str, reason: &impl Reason) -> FieldError {
    FieldError::of_body(field, reason.code(), format!("{field} {reason}"))
}

impl<'de> Deserialize<'de> for SentRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Accepts any value.
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = SentRule;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_unit<E>(self) -> Result<SentRule, E> {
                Ok(SentRule::Null)
            }

            fn visit_str<E>(self, text: &str) -> Result<SentRule, E> {
                Ok(SentRule::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<SentRule, E> {
                Ok(if value { SentRule::Foreign } else { SentRule::False })
            }

            fn visit_i64<E>(self, _: i64) -> Result<SentRule, E> {
                Ok(SentRule::Foreign)
            }

            fn visit_u64<E>(self, _: u64) -> Result<SentRule, E> {
                Ok(SentRule::Foreign)
            }

            fn visit_f64<E>(self, _: f64) -> Result<SentRule, E> {
                Ok(SentRule::Foreign)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SentRule, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(SentRule::Foreign)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<SentRule, A::Error> {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(SentRule::Foreign)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for SentReminders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Null),
            Value::Bool(false) => Ok(Self::None),
            Value::String(text) if means_none(&text) => Ok(Self::None),
            Value::Array(list) => Ok(Self::List(list)),
            // The form of serde's own messages, of which a sentence is made.
            _ => Err(serde::de::Error::custom("invalid type: other, expected a list")),
        }
    }
}
