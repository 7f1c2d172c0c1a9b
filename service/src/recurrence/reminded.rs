use chrono::{DateTime, NaiveTime, Utc};

use super::moment;
use crate::model::{Due, DueKind, Zone};

/// The time of a day from which reminders before that day count.
const MORNING: NaiveTime = match NaiveTime::from_hms_opt(9, 0, 0) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// The instant from which the reminders before a due date count: the due date, or 09:00 of a day.
pub(crate) fn reminded_instant(due: &Due, zone: Zone) -> DateTime<Utc> {
    match due.kind() {
        DueKind::Day(day) => moment::of_wall(day.and_time(MORNING), zone).at,
        DueKind::Wall(wall) => moment::of_wall(wall, zone).at,
        DueKind::Instant(instant) => instant,
    }
}
