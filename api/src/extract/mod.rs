//! Reads JSON bodies, query parameters, path ids and preferences. Every failure is an [`Error`](crate::error::Error) whose
//! sentence names the field.

mod body;
mod explain;
mod path;
mod prefer;
mod query;

pub use body::{Body, MAX_BODY_BYTES, OptionalBody};
pub use path::TaskId;
pub use prefer::{Prefer, Return};
pub use query::{ListQuery, NoQuery, Query};
