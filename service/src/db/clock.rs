use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};

use crate::{Cause, Error};

/// The number of measurements, of which the one with the shortest round trip counts.
const ATTEMPTS: usize = 3;
/// The difference from which the operator is warned.
const NOTABLE: Duration = Duration::from_secs(1);
/// The difference from which the server does not start: the numbers of its writes would be far in the future, or its lists of
/// tasks that are due today wrong.
const TOO_LARGE: Duration = Duration::from_mins(1);

/// Compares the clock of this machine with that of PostgreSQL. `notice` receives a sentence if they differ by more than a second.
///
/// # Errors
/// [`Error::Database`] if they differ by more than a minute. An error of the database.
pub(super) async fn compare(db: &DatabaseConnection, notice: &mut impl FnMut(&str)) -> Result<(), Error> {
    match judge(ahead(db).await?) {
        Ok(Some(text)) => notice(&text),
        Ok(None) => {}
        Err(text) => return Err(Error::Database(Cause::of(text))),
    }
    Ok(())
}

/// How far this machine is ahead of the database. It is negative if the machine is behind.
async fn ahead(db: &DatabaseConnection) -> Result<TimeDelta, DbErr> {
    let question = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now";
    let mut best: Option<(TimeDelta, TimeDelta)> = None;
    for _ in 0..ATTEMPTS {
        let before = Utc::now();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), question)).await?;
        let round_trip = Utc::now() - before;
        let theirs: i64 = row.ok_or(DbErr::RecordNotFound("now".to_owned()))?.try_get("", "now")?;
        let ours = (before + round_trip / 2).timestamp_micros();
        let ahead = TimeDelta::microseconds(ours - theirs);
        if best.is_none_or(|(shortest, _)| round_trip < shortest) {
            best = Some((round_trip, ahead));
        }
    }
    Ok(best.map_or(TimeDelta::zero(), |(_, ahead)| ahead))
}

/// The sentence for a difference that should be mended, or as an error the one for a difference that must be mended.
fn judge(ahead: TimeDelta) -> Result<Option<String>, String> {
    let difference = ahead.abs().to_std().unwrap_or(Duration::MAX);
    if difference <= NOTABLE {
        return Ok(None);
    }
    let side = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
    let text = format!(
        "the clock of this machine is {:.1} s {side} that of the database: synchronize both with NTP",
        difference.as_secs_f64()
    );
    if difference > TOO_LARGE { Err(text) } else { Ok(Some(text)) }
}

#[cfg(test)]
mod tests {
    use testing::{Backend, TestDatabase};

    use super::*;

    #[test]
    fn a_difference_of_over_a_second_is_reported_and_one_of_over_a_minute_refused() {
        let seconds = TimeDelta::milliseconds;
        assert_eq!(judge(seconds(1000)), Ok(None));
        assert_eq!(judge(seconds(-1000)), Ok(None));
        let ahead = judge(seconds(1500)).unwrap().unwrap();
        assert!(ahead.starts_with("the clock of this machine is 1.5 s ahead of that of the database"), "{ahead}");
        let behind = judge(seconds(-60_000)).unwrap().unwrap();
        assert!(behind.starts_with("the clock of this machine is 60.0 s behind that of the database"), "{behind}");
        assert!(judge(seconds(60_001)).is_err() && judge(seconds(-60_001)).is_err());
    }

    #[tokio::test]
    async fn the_clock_of_a_database_on_the_same_machine_does_not_differ() {
        let Some(database) = TestDatabase::empty(Backend::Postgres).await else { return };
        let ahead = ahead(&database.connect().await).await.unwrap();
        assert!(ahead.abs() < TimeDelta::seconds(30), "{ahead}");
    }
}
