//! Reads that are batched: one statement answers many callers, and each row is compared with the owner.

mod foreign;
mod get;
mod newest;

use crate::Caller;
use crate::store::input::{Input, InputValue};

pub(super) use self::foreign::Foreign;
pub(super) use self::get::Get;
pub(super) use self::newest::{Newest, NewestRequest};

/// A question about one id.
type IdRequest = (Caller, i64);

const OWNER: Input<IdRequest> =
    Input { name: "user_id", value: InputValue::Text(|sent| Some(sent.request.0.user_id().as_str())) };
const ID: Input<IdRequest> = Input { name: "id", value: InputValue::BigInt(|sent| Some(sent.request.1)) };
const PLACE: Input<IdRequest> =
    Input { name: "place", value: InputValue::BigInt(|sent| i64::try_from(sent.place).ok()) };

/// The place that a statement returned. A number that is not a place finds no request.
fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(super) mod texts {
    use crate::store::statement::Statement;

    /// The statements, by name.
    pub(in crate::store) fn lookups() -> [(&'static str, &'static Statement<super::IdRequest>); 2] {
        [("get", &super::get::STATEMENT), ("foreign", &super::foreign::STATEMENT)]
    }

    /// The texts of the newest list, which only PostgreSQL has, by their maximum.
    pub(in crate::store) fn newest() -> impl Iterator<Item = (i64, &'static str)> {
        super::newest::STATEMENTS.iter().map(|(maximum, statement)| (*maximum, statement.texts().0))
    }
}
