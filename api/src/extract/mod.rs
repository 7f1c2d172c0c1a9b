//! Reads JSON bodies, query parameters, path ids and preferences. Every failure is an [`Error`](crate::error::Error) that names
//! the fields. A body or a query with mistakes is read again and again, until all of them are found; one without mistakes is read
//! once.

mod arguments;
mod body;
mod conditions;
mod explain;
mod last_event;
mod names;
mod path;
mod prefer;
mod query;
mod read;
mod request_key;

pub(crate) use arguments::arguments;
pub(crate) use body::read as read_body;
pub use body::{Body, MAX_BODY_BYTES, OptionalBody};
pub use conditions::{IfNoneMatch, WriteConditions};
pub use last_event::LastEventId;
pub use path::{ReminderNumber, TaskId};
pub(crate) use prefer::PREFERENCE_APPLIED;
pub use prefer::{Prefer, Return};
pub use query::{ListQuery, NoQuery, Query};
pub use read::Input;
pub(crate) use request_key::IDEMPOTENCY_REPLAYED;
pub use request_key::RequestKey;
