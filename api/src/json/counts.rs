use serde::Serialize;
use utoipa::ToSchema;

/// How many tasks a request changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Count {
    /// The number of tasks.
    pub count: u64,
}
