//! The tools of agents: their names, their order, and what a token must allow for each.

use crate::auth::Scopes;

/// A tool of `/mcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Creates a task.
    AddTask,
    /// Lists tasks.
    ListTasks,
    /// Returns a task.
    GetTask,
    /// Sets whether a task is completed.
    CompleteTask,
    /// Changes fields of a task.
    UpdateTask,
    /// Moves a task to the trash.
    DeleteTask,
    /// Restores a task of the trash.
    RestoreTask,
    /// Counts tasks.
    TaskSummary,
}

impl Tool {
    /// All tools, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::AddTask,
        Self::ListTasks,
        Self::GetTask,
        Self::CompleteTask,
        Self::UpdateTask,
        Self::DeleteTask,
        Self::RestoreTask,
        Self::TaskSummary,
    ];

    /// Returns the name with which the tool is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddTask => "add_task",
            Self::ListTasks => "list_tasks",
            Self::GetTask => "get_task",
            Self::CompleteTask => "complete_task",
            Self::UpdateTask => "update_task",
            Self::DeleteTask => "delete_task",
            Self::RestoreTask => "restore_task",
            Self::TaskSummary => "task_summary",
        }
    }

    /// Returns the tool with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Whether the tool only reads.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::ListTasks | Self::GetTask | Self::TaskSummary)
    }

    /// Whether a token with these scopes may call the tool.
    #[must_use]
    pub const fn is_allowed_by(self, scopes: Scopes) -> bool {
        if self.reads() { scopes.read } else { scopes.write }
    }
}
