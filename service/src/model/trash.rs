use chrono::{DateTime, Utc};

use super::Task;

/// A task in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTask {
    /// The task as it was when it was deleted.
    pub task: Task,
    /// The time of the deletion, in microseconds.
    pub deleted_at: DateTime<Utc>,
}

/// A part of a caller's trash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrashPage {
    /// The tasks, the one that was deleted last first. There can be none although there is a next part.
    pub tasks: Vec<DeletedTask>,
    /// The position of the next part; `None` if this is the last one.
    pub next: Option<i64>,
}
