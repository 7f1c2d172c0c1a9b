use sea_orm::DbErr;

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
