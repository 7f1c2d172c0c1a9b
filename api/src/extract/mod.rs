//! JSON bodies, query parameters and path ids, with failures in the contract's shape.

mod body;
mod explain;
mod path;
mod prefer;
mod query;

pub use body::{Body, MAX_BODY_BYTES, OptionalBody};
pub use path::TaskId;
pub use prefer::{Prefer, Return};
pub use query::{NoQuery, Query};
