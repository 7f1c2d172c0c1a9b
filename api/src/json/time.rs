use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde::Serializer;

/// Serializes a time as [`write_json`] does.
pub(super) fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// Appends a time as a JSON string (RFC 3339, in UTC). It ends with `Z`, because JavaScript reads times without it as local.
/// It always has six decimals, so that the texts sort like the times.
pub(super) fn write_json(json: &mut Vec<u8>, time: &DateTime<Utc>) {
    json.push(b'"');
    match in_digits(time) {
        Some(text) => json.extend_from_slice(&text),
        None => json.extend_from_slice(time.to_rfc3339_opts(SecondsFormat::Micros, true).as_bytes()),
    }
    json.push(b'"');
}

/// Formats a time like chrono, but without its allocations, since a list has two or three times for each task. Returns `None`
/// for years outside 0 to 9999 and for leap seconds.
fn in_digits(time: &DateTime<Utc>) -> Option<[u8; 27]> {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |end: usize, length: usize, mut number: u32| {
        for place in (end - length..end).rev() {
            text[place] = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
    };
    let year = u32::try_from(time.year()).ok().filter(|year| *year <= 9999)?;
    // In a leap second this is a million or more.
    let micros = Some(time.timestamp_subsec_micros()).filter(|micros| *micros < 1_000_000)?;
    put(4, 4, year);
    put(7, 2, time.month());
    put(10, 2, time.day());
    put(13, 2, time.hour());
    put(16, 2, time.minute());
    put(19, 2, time.second());
    put(26, 6, micros);
    Some(text)
}

/// Serializes a time as [`write_json`] does, or null.
#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn rfc3339_or_null<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(time: &DateTime<Utc>) -> String {
        let mut json = Vec::new();
        write_json(&mut json, time);
        serde_json::from_slice(&json).unwrap()
    }

    proptest! {
        #[test]
        fn times_are_written_as_chrono_writes_them(micros in -62_135_596_800_000_000..253_402_300_800_000_000_i64) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(written(&time), time.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
    }

    #[test]
    fn leap_seconds_and_years_of_other_lengths_are_written_too() {
        for text in ["+10000-01-01T00:00:00.000000Z", "-0001-01-01T00:00:00.000000Z", "2016-12-31T23:59:60.500000Z"] {
            assert_eq!(written(&text.parse().unwrap()), text);
        }
    }
}
