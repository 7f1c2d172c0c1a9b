//! Recurrence: from a rule of RFC 5545, section 3.3.10, to the dates of a task, in the wall time of its owner. There is no SQL
//! here.
//!
//! [`Recurrence`] is the rule as it is sent and stored. [`Series`] is the rule with everything that the next date depends on.
//! `dates.rs` is the engine: it knows dates only. `moment.rs` turns a local time into an instant. The decision for an own engine
//! is in `docs/decisions/0030-recurrence-has-an-engine-of-its-own.md`.

mod dates;
mod error;
#[cfg(test)]
mod fuzz;
mod moment;
mod numbers;
mod parse;
mod preview;
mod reminded;
mod rule;
mod series;
mod slot;
#[cfg(test)]
mod tests;

pub use error::InvalidRecurrence;
pub use moment::Shift;
pub use preview::{MAX_PREVIEW, preview};
pub(crate) use reminded::reminded_instant;
pub use rule::Recurrence;
#[cfg(test)]
pub(crate) use series::STEPS;
pub use series::{Missed, Occurrence, RecurFrom, Series};
pub use slot::{InvalidSlot, Slot};

pub use crate::model::{InvalidZone, Zone};
