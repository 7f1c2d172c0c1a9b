use super::Task;

/// A part of the feed of a caller's changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// The tasks that were changed or deleted, in the order of their last changes. Each task is there once, as it is now.
    pub items: Vec<FeedItem>,
    /// The state that a replica has reached with these changes, from which the next part goes on.
    pub state: i64,
    /// Whether there are changes after this state. A part without changes can have more behind it.
    pub has_more: bool,
}

/// The last change of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedItem {
    /// The task was created or changed. This is the task as it is now.
    Changed(Task),
    /// The task was deleted.
    Deleted {
        /// The id of the task.
        id: i64,
        /// The number of the deletion.
        version: i64,
    },
}

impl FeedItem {
    /// Returns the number of the change.
    #[must_use]
    pub fn version(&self) -> i64 {
        match self {
            Self::Changed(task) => task.version(),
            Self::Deleted { version, .. } => *version,
        }
    }
}
