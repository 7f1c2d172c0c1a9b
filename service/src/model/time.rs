use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// The current time in microseconds, the precision of both databases.
pub(crate) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
}
