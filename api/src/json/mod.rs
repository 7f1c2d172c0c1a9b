//! What front ends send and see.

pub mod list_query;
pub(crate) mod schema;
pub mod task;
mod time;
