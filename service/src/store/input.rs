use chrono::{DateTime, TimeDelta, Utc};

use super::dialect::InputType;

/// A request in the order in which the batch is sent.
#[derive(Debug)]
pub(super) struct Sent<'a, R> {
    pub(super) request: &'a R,
    /// The place in the batch.
    pub(super) place: usize,
    /// The time of the batch.
    pub(super) now: DateTime<Utc>,
}

/// One value of every request of a batch.
pub(super) struct Input<R: 'static> {
    /// The name of the column in the derived table.
    pub(super) name: &'static str,
    pub(super) value: InputValue<R>,
}

/// The function that gives an input's value. `None` is null.
pub(super) enum InputValue<R: 'static> {
    Text(for<'a> fn(&Sent<'a, R>) -> Option<&'a str>),
    BigInt(fn(&Sent<'_, R>) -> Option<i64>),
    SmallInt(fn(&Sent<'_, R>) -> Option<i16>),
    Bool(fn(&Sent<'_, R>) -> Option<bool>),
    Time(fn(&Sent<'_, R>) -> Option<DateTime<Utc>>),
}

impl<R> Clone for Input<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Input<R> {}

impl<R> Clone for InputValue<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for InputValue<R> {}

impl<R> InputValue<R> {
    pub(super) fn input_type(self) -> InputType {
        match self {
            Self::Text(_) => InputType::Text,
            Self::BigInt(_) => InputType::BigInt,
            Self::SmallInt(_) => InputType::SmallInt,
            Self::Bool(_) => InputType::Bool,
            Self::Time(_) => InputType::Time,
        }
    }
}

impl<'a, R> Sent<'a, R> {
    /// The requests in the order of their places.
    pub(super) fn all(requests: &'a [R], now: DateTime<Utc>) -> Vec<Self> {
        requests.iter().enumerate().map(|(place, request)| Self { request, place, now }).collect()
    }

    /// The creation time of the new task at this place: a microsecond after the one before.
    pub(super) fn created_at(&self) -> DateTime<Utc> {
        self.now + TimeDelta::microseconds(i64::try_from(self.place).unwrap_or_default())
    }
}
