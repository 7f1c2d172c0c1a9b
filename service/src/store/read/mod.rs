//! Reads that are batched: one statement answers many callers, and each row is compared with the owner.

mod clock;
mod foreign;
mod get;
mod newest;

use crate::Caller;
use crate::store::input::{Input, InputValue};

pub(super) use self::clock::Clock;
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
    use crate::store::statement::Texts;

    /// The statements that find rows by their keys.
    pub(in crate::store) fn lookups() -> Vec<Texts> {
        vec![
            super::get::STATEMENT.texts("get", false, ""),
            super::foreign::STATEMENT.texts("foreign", false, ""),
            super::clock::STATEMENT.texts("clock", false, ""),
        ]
    }

    /// The newest list, which only PostgreSQL has, by its maximum.
    pub(in crate::store) fn newest() -> Vec<Texts> {
        let names = ["newest_6", "newest_21", "newest_51", "newest_101", "newest"];
        names
            .into_iter()
            .zip(&*super::newest::STATEMENTS)
            .map(|(name, (_, statement))| statement.texts(name, false, ""))
            .collect()
    }
}
