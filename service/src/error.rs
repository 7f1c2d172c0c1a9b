use std::fmt;

use sea_orm::DbErr;

use crate::tasks::{InvalidSchedule, Task};

/// The reasons why a valid request can fail.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such task.
    #[error("there is no such task")]
    NotFound,
    /// There is such a task, and it belongs to another user.
    #[error("the task is another user's")]
    NotOwner,
    /// The text is not a cursor, or it is the cursor of another caller or another query.
    #[error("the cursor is not one of this list's")]
    InvalidCursor,
    /// The precondition of the request does not hold: the task, or the list, was changed since.
    #[error("it was changed since")]
    Stale(Box<Stale>),
    /// The feed of changes cannot go on from this state: its changes are no longer kept, or it is not a state of this owner. The
    /// replica must be replaced.
    #[error("the changes since this state are not known")]
    Resync,
    /// The key of the request was used for a different request of the same user.
    #[error("the key was used for a different request")]
    KeyReused,
    /// The user has as many tasks as a user may have.
    #[error("the user has too many tasks")]
    TooManyTasks,
    /// The task cannot have this rule, these reminders or this due date.
    #[error("{} {}", .0.field(), .0)]
    InvalidSchedule(InvalidSchedule),
    /// The task has no reminder with this number.
    #[error("the task has no such reminder")]
    NoReminder,
    /// The task is completed, so its reminders do not fire.
    #[error("the task is completed")]
    Completed,
    /// The task stands for an occurrence of its series for which there is another task by now.
    #[error("there is a task for this occurrence")]
    OccurrenceExists,
    /// Too many large requests run or wait already, of this caller or of all. A retry after a moment can succeed.
    #[error("too many large requests at a time")]
    Busy,
    /// The whole list was requested in an order that no index has, and it has more than [`MAX_SORTED`] tasks.
    ///
    /// [`MAX_SORTED`]: crate::tasks::WholeList::MAX_SORTED
    #[error("the list is too long to be sorted at once")]
    TooLongToSort,
    /// The database cannot be reached, is busy or has no free connection. A retry later can succeed. If the connection broke
    /// after a write was sent, it is unknown whether the write was done.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// The database refused a statement: a defect of this server or of its schema.
    #[error("the database refused a statement")]
    Database(#[source] Cause),
}

impl From<InvalidSchedule> for Error {
    fn from(problem: InvalidSchedule) -> Self {
        Self::InvalidSchedule(problem)
    }
}

/// An error of the database, of its driver, or of this crate about them. Its text is for the log and never contains a password.
#[derive(Clone, Debug)]
pub struct Cause(pub(crate) DbErr);

impl Cause {
    /// Makes a cause from a sentence.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        Self(DbErr::Custom(text.into()))
    }
}

impl From<DbErr> for Cause {
    fn from(error: DbErr) -> Self {
        Self(error)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&migration::describe(&self.0))
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_sentence_of_this_crate_is_shown_without_the_name_of_its_kind() {
        let error = Error::Unavailable(Cause::of("no answer within 10 s"));
        assert_eq!(error.source().unwrap().to_string(), "no answer within 10 s");
        assert!(error.source().unwrap().source().is_none());
    }
}

/// What there is instead of what a precondition demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The current version of the task, or the current state of the list.
    pub version: i64,
    /// The current task. `None` for a list.
    pub current: Option<Task>,
    /// The fields that a merge could not change, because they were changed since. Empty without a merge.
    pub conflicts: Vec<&'static str>,
}

impl Stale {
    /// A task with another version.
    pub(crate) fn of_task(current: Task) -> Self {
        Self { version: current.version(), current: Some(current), conflicts: Vec::new() }
    }

    /// A list in another state.
    pub(crate) fn of_list(state: i64) -> Self {
        Self { version: state, current: None, conflicts: Vec::new() }
    }
}
