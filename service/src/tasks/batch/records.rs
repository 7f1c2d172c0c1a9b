//! Many rows as one value, read without the driver: each value of a row costs it more than all the bytes of that row.
//!
//! The value is an array of records in PostgreSQL's binary form, which `array_send` and `record_send` in its sources
//! (`arrayfuncs.c`, `rowtypes.c`) define: big-endian numbers, and before each value the number of its bytes, -1 for null.

use chrono::{DateTime, Utc};
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::{PgValueFormat, PgValueRef, Postgres};
use sea_orm::sqlx::{Decode, ValueRef};

use crate::tasks::row::{READ, Stored, Time};
use crate::tasks::task::Task;

/// `array_agg` of records of what is read of a row of `task`; of no record at all it is null.
pub(super) struct Tasks(pub(super) Vec<Task>);

impl<'r> Decode<'r, Postgres> for Tasks {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.is_null() {
            return Ok(Self(Vec::new()));
        }
        if value.format() != PgValueFormat::Binary {
            return Err(Malformed.into());
        }
        let mut input = Input(value.as_bytes()?);
        let (dimensions, _has_nulls, _element) = (input.number()?, input.number()?, input.number()?);
        if dimensions != 1 {
            return Err(Malformed.into());
        }
        let (count, _from) = (input.count()?, input.number()?);
        (0..count).map(|_| task(Input(some(input.value()?)?))).collect::<Result<_, _>>().map(Self)
    }
}

fn task(mut record: Input<'_>) -> Result<Task, BoxDynError> {
    if record.count()? != READ.len() {
        return Err(Malformed.into());
    }
    let stored = Stored {
        id: i64::from_be_bytes(sized(record.field()?)?),
        title: text(some(record.field()?)?)?,
        description: record.field()?.map(text).transpose()?,
        completed: sized(record.field()?)? != [0],
        created_at: time(record.field()?)?,
        updated_at: time(record.field()?)?,
        completed_at: record.field()?.map(|bytes| time(Some(bytes))).transpose()?,
        priority: i16::from_be_bytes(sized(record.field()?)?),
        tags: text(some(record.field()?)?)?,
        due_date: record.field()?.map(text).transpose()?,
    };
    Ok(stored.try_into()?)
}

fn some(value: Option<&[u8]>) -> Result<&[u8], Malformed> {
    value.ok_or(Malformed)
}

fn sized<const N: usize>(value: Option<&[u8]>) -> Result<[u8; N], Malformed> {
    some(value)?.try_into().map_err(|_| Malformed)
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed)
}

fn time(value: Option<&[u8]>) -> Result<DateTime<Utc>, Malformed> {
    Time::from_postgres(i64::from_be_bytes(sized(value)?)).map(|Time(time)| time).ok_or(Malformed)
}

/// What is left to read.
struct Input<'r>(&'r [u8]);

impl<'r> Input<'r> {
    fn bytes(&mut self, count: usize) -> Result<&'r [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<i32, Malformed> {
        let bytes = self.bytes(4)?;
        Ok(i32::from_be_bytes(sized(Some(bytes))?))
    }

    fn count(&mut self) -> Result<usize, Malformed> {
        Ok(self.number()?.try_into()?)
    }

    /// Its length, and so many bytes; `None` for null.
    fn value(&mut self) -> Result<Option<&'r [u8]>, Malformed> {
        match self.number()? {
            -1 => Ok(None),
            count => self.bytes(usize::try_from(count)?).map(Some),
        }
    }

    /// A value of a record: its type, which the statement has settled, and the value.
    fn field(&mut self) -> Result<Option<&'r [u8]>, Malformed> {
        let _type = self.number()?;
        self.value()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it is not an array of the records that were asked for")]
struct Malformed;

impl From<std::num::TryFromIntError> for Malformed {
    fn from(_: std::num::TryFromIntError) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record, as PostgreSQL sends it; the types are not looked at.
    fn record(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut record = i32::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        for field in fields {
            record.extend(0_i32.to_be_bytes());
            record.extend(field.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap()).to_be_bytes());
            record.extend(field.unwrap_or_default());
        }
        record
    }

    #[test]
    fn a_record_is_read_and_one_that_is_cut_or_has_another_shape_is_an_error() {
        let (time, never) = (1_i64.to_be_bytes(), i64::MAX.to_be_bytes());
        let fields: [Option<&[u8]>; 10] = [
            Some(&7_i64.to_be_bytes()),
            Some(b"t"),
            None,
            Some(&[1]),
            Some(&time),
            Some(&time),
            None,
            Some(&[0, 3]),
            Some(b"[\"a\"]"),
            Some(b"2026-01-31"),
        ];
        let whole = record(&fields);
        let read = task(Input(&whole)).unwrap();
        assert_eq!((read.id, read.title.as_str(), read.description, read.completed), (7, "t", None, true));
        assert_eq!(read.created_at.to_rfc3339(), "2000-01-01T00:00:00.000001+00:00");
        assert!((0..whole.len()).all(|length| task(Input(&whole[..length])).is_err()));
        assert!(task(Input(&record(&fields[..9]))).is_err());
        for (place, other) in
            [(0, None), (0, Some(&b"four"[..])), (1, Some(b"\xff")), (4, Some(&never)), (7, Some(&[0, 9]))]
        {
            let mut fields = fields;
            fields[place] = other;
            assert!(task(Input(&record(&fields))).is_err(), "{place}");
        }
    }
}
