use serde::{Deserialize, Serialize};

use super::Task;

/// What a change did to its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It created the task.
    Created,
    /// It changed fields.
    Changed,
    /// It moved the task to the trash.
    Deleted,
    /// It restored the task from the trash.
    Restored,
}

impl ChangeKind {
    /// The kind with this stored number, if there is one.
    pub(crate) fn from_stored(stored: i64) -> Option<Self> {
        Some(match stored {
            1 => Self::Created,
            2 => Self::Changed,
            3 => Self::Deleted,
            4 => Self::Restored,
            _ => return None,
        })
    }
}

/// A change of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The number of the change, which is the version of the task after it.
    pub version: i64,
    /// What it did.
    pub kind: ChangeKind,
    /// The client that wrote for the user. `None` for the user.
    pub actor: Option<String>,
    /// The task before the change. `None` if the change created or restored the task.
    pub before: Option<Task>,
    /// The task after the change. `None` if the change deleted the task, or if the state after it is no longer known.
    pub after: Option<Task>,
}

/// A part of the history of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The changes, the newest first. There can be none although there is a next part.
    pub entries: Vec<HistoryEntry>,
    /// The position of the next part; `None` if this is the last one.
    pub next: Option<HistoryPosition>,
}

/// A position in the history of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPosition {
    /// The changes before this number come next.
    pub(crate) before: i64,
    /// The number of the last change that was returned, whose image is the task after the next one. 0 if there was none.
    pub(crate) last: i64,
}
