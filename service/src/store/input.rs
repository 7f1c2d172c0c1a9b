use chrono::{DateTime, Utc};

use super::dialect::InputType;

/// A request in the order in which the batch is sent.
#[derive(Debug)]
pub(super) struct Sent<'a, R> {
    pub(super) request: &'a R,
    /// The place in the batch.
    pub(super) place: usize,
    /// The number of the write. Reads have none.
    pub(super) turn: Turn,
}

/// The number that a write gets from the clock of its owner. PostgreSQL computes it within the statement, from the place of the
/// owner and the step. Statements that are sent one by one get the number itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    /// The place of the owner among the owners of the batch, from 1.
    pub(super) owner: i16,
    /// The place of the request among those of its owner, from 1.
    pub(super) step: i16,
    /// The number, in microseconds.
    pub(super) at: i64,
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
    pub(super) fn all(requests: &'a [R]) -> Vec<Self> {
        requests.iter().enumerate().map(|(place, request)| Self { request, place, turn: Turn::default() }).collect()
    }
}
