//! Times as PostgreSQL stores them, and a fast formatter for them.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

const DAY: i64 = 86_400_000_000;
/// PostgreSQL's epoch, 2000-01-01, in microseconds since 1970.
const EPOCH: i64 = 10_957 * DAY;

/// A `timestamptz`: microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timestamp(pub(crate) i64);

impl Timestamp {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

impl<'a> FromSql<'a> for Timestamp {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?) + EPOCH))
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Timestamp {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&(self.0 - EPOCH).to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl Serialize for Timestamp {
    /// Writes RFC 3339 in UTC with six decimals: `2026-01-31T09:30:00.000000Z`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (days, time) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        // From days to a date, with years that start in March (Howard Hinnant, chrono-compatible low-level date algorithms).
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);

        let (hour, minute, second) = (time / 3_600_000_000, time / 60_000_000 % 60, time / 1_000_000 % 60);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let numbers = [year, month, day, hour, minute, second, time % 1_000_000];
        for (mut number, end) in numbers.into_iter().zip([4, 7, 10, 13, 16, 19, 26]) {
            for place in text[..end].iter_mut().rev().take_while(|place| place.is_ascii_digit()) {
                *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        serializer.serialize_str(str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_827_696_789_012, "2000-02-29T12:34:56.789012Z"),
            (1_769_851_800_000_001, "2026-01-31T09:30:00.000001Z"),
        ] {
            assert_eq!(serde_json::to_string(&Timestamp(micros)).unwrap(), format!("\"{text}\""));
        }
    }
}
