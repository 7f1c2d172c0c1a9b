use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service::recurrence::{MAX_PREVIEW, Occurrence, Recurrence, Shift, Zone};
use service::tasks::Due;
use utoipa::ToSchema;

use super::invalid::Reason;
use super::schemas::{due_date_of_series, preview_count, recurrence, time_zone};
use super::time::rfc3339;
use super::whole_number::WholeNumber;
use crate::compat::{TaskBody, check_offset};
use crate::error::{FieldCode, FieldError};
use crate::extract::Input;

/// A recurrence rule whose dates are asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PreviewRecurrence {
    /// The rule.
    #[schema(schema_with = recurrence)]
    recurrence: String,
    /// The due date of the first occurrence.
    #[schema(schema_with = due_date_of_series)]
    due_date: String,
    /// The time zone of the owner.
    #[schema(schema_with = time_zone)]
    time_zone: String,
    /// The maximum number of occurrences. The default is 10.
    #[serde(default)]
    #[schema(schema_with = preview_count, required = false)]
    count: Option<WholeNumber>,
}

/// A checked [`PreviewRecurrence`].
#[derive(Debug)]
pub struct CheckedPreview {
    pub(crate) rule: Recurrence,
    pub(crate) due: Due,
    pub(crate) zone: Zone,
    pub(crate) count: u32,
}

impl TaskBody for PreviewRecurrence {}

impl Input for PreviewRecurrence {
    type Checked = CheckedPreview;

    const REQUIRED: &'static [(&'static str, &'static str)] =
        &[("recurrence", r#""daily""#), ("due_date", r#""2026-01-31""#), ("time_zone", r#""UTC""#)];

    fn check(self, strict: bool) -> Result<CheckedPreview, FieldError> {
        const DEFAULT: u32 = 10;
        let due = || {
            if strict {
                check_offset(&self.due_date).map_err(|reason| invalid("due_date", &reason))?;
            }
            Due::parse(self.due_date.as_str()).map_err(|reason| invalid("due_date", &reason))
        };
        let (due, zone) = (due()?, Zone::parse(&self.time_zone).map_err(|reason| invalid("time_zone", &reason))?);
        let rule = Recurrence::parse(&self.recurrence, &due, zone).map_err(|reason| invalid("recurrence", &reason))?;
        let count = self.count.map_or(Some(DEFAULT), |WholeNumber(count)| u32::try_from(count).ok());
        let count = count.filter(|count| (1..=MAX_PREVIEW).contains(count)).ok_or_else(|| {
            let problem = format!("count must be an integer from 1 to {MAX_PREVIEW}");
            FieldError::of_body("count", FieldCode::Invalid, problem)
        })?;
        Ok(CheckedPreview { rule, due, zone, count })
    }
}

/// The next dates of a rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecurrencePreview {
    /// The rule in upper case and without the prefix `RRULE:`. A preset is the rule that it means.
    pub recurrence: String,
    /// The occurrences in order. The first one is the due date that was sent.
    pub occurrences: Vec<PreviewedOccurrence>,
}

/// An occurrence of a rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewedOccurrence {
    /// When the task would be due, in the form of the due date that was sent.
    pub due_date: String,
    /// The local day or time that the occurrence stands for. It differs from `due_date` if a clock change moved that.
    pub occurrence: String,
    /// The instant at which the task would be due (RFC 3339, UTC, microseconds). A day ends at its last microsecond.
    #[serde(serialize_with = "rfc3339")]
    pub at: DateTime<Utc>,
    /// How a clock change affects the occurrence. Without one the field is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ClockChange, required = false)]
    pub shifted: Option<ClockChange>,
}

/// How a clock change affects a time: the clocks skip it, and it moves past the gap by its length (`gap`), or they show it twice,
/// and it is the first one (`overlap`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockChange {
    /// The clocks skip the time.
    Gap,
    /// The clocks show the time twice.
    Overlap,
}

impl RecurrencePreview {
    /// Makes the answer for a rule and its occurrences.
    #[must_use]
    pub fn new(rule: &Recurrence, occurrences: Vec<Occurrence>) -> Self {
        Self {
            recurrence: rule.as_str().to_owned(),
            occurrences: occurrences.into_iter().map(PreviewedOccurrence::from).collect(),
        }
    }
}

impl From<Occurrence> for PreviewedOccurrence {
    fn from(occurrence: Occurrence) -> Self {
        Self {
            due_date: occurrence.due.into_inner(),
            occurrence: occurrence.slot.as_str().to_owned(),
            at: occurrence.at,
            shifted: occurrence.shifted.map(ClockChange::from),
        }
    }
}

impl From<Shift> for ClockChange {
    fn from(shift: Shift) -> Self {
        match shift {
            Shift::Gap => Self::Gap,
            Shift::Overlap => Self::Overlap,
        }
    }
}

fn invalid(field: &'static str, reason: &impl Reason) -> FieldError {
    FieldError::of_body(field, reason.code(), format!("{field} {reason}"))
}
