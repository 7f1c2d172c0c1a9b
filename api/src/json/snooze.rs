use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schemas::snooze_minutes;
use super::time::rfc3339;
use super::whole_number::WholeNumber;
use crate::compat::TaskBody;
use crate::error::{FieldCode, FieldError};
use crate::extract::Input;

/// The maximum time by which a reminder is put off: 28 days.
pub(super) const MAX_MINUTES: u32 = 28 * 24 * 60;

/// For how long a reminder is put off.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Snooze {
    /// The minutes from now until it fires.
    #[schema(schema_with = snooze_minutes)]
    minutes: WholeNumber,
}

impl TaskBody for Snooze {}

impl Input for Snooze {
    /// The minutes.
    type Checked = u32;

    const REQUIRED: &'static [(&'static str, &'static str)] = &[("minutes", "10")];

    fn check(self, _: bool) -> Result<u32, FieldError> {
        let minutes = u32::try_from(self.minutes.0).ok().filter(|minutes| (1..=MAX_MINUTES).contains(minutes));
        minutes.ok_or_else(|| {
            let problem = format!("minutes must be an integer from 1 to {MAX_MINUTES}");
            FieldError::of_body("minutes", FieldCode::Invalid, problem)
        })
    }
}

/// A reminder that was put off.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnoozedReminder {
    /// The id of the task.
    pub id: i64,
    /// The place of the reminder in `reminders` of the task, from 1.
    pub n: u16,
    /// When it fires (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub at: DateTime<Utc>,
}
