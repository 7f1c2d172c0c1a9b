use sea_orm::DbErr;

use crate::tasks::Task;

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
    /// The user has as many tasks as a user may have.
    #[error("the user has too many tasks")]
    TooManyTasks,
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
    Unavailable(#[source] DbErr),
    /// The database refused a statement: a defect of this server or of its schema.
    #[error("the database refused a statement")]
    Database(#[source] DbErr),
}

/// What there is instead of what a precondition demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The current version of the task, or the current state of the list.
    pub version: i64,
    /// The current task. `None` for a list.
    pub current: Option<Task>,
}

impl Stale {
    /// A task with another version.
    pub(crate) fn of_task(current: Task) -> Self {
        Self { version: current.version(), current: Some(current) }
    }

    /// A list in another state.
    pub(crate) fn of_list(state: i64) -> Self {
        Self { version: state, current: None }
    }
}
