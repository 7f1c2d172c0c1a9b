use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// What can go wrong with a valid request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such task.
    #[error("there is no such task")]
    NotFound,
    /// There is such a task, and it is another user's.
    #[error("the task is another user's")]
    NotOwner,
    /// The cursor is none, or one of another caller's or another query's.
    #[error("the cursor is not one of this list's")]
    InvalidCursor,
    /// The database cannot be reached, is busy or has no connection left; trying again later can help. Where the connection
    /// broke after a write was sent, whether it was done is not known.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// The database refused what we sent: a defect of this server or of its schema.
    #[error("the database refused a statement")]
    Database(#[source] DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

fn is_unavailable(error: &DbErr) -> bool {
    match error {
        // Without a connection nothing was sent, whatever the reason: a password that was just changed, a proxy's own words.
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(cause) | DbErr::Query(cause) => match cause {
            RuntimeErr::SqlxError(cause) => match &**cause {
                SqlxError::Io(_)
                | SqlxError::Tls(_)
                | SqlxError::Protocol(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed
                | SqlxError::WorkerCrashed => true,
                SqlxError::Database(answer) => answer.code().is_some_and(|code| is_passing(&code)),
                _ => false,
            },
            RuntimeErr::Internal(_) => false,
        },
        _ => false,
    }
}

/// SQLite's primary result codes for states that pass: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
const SQLITE_PASSING: [u32; 5] = [5, 6, 10, 13, 14];

/// Whether a database's error code tells of a state that passes, not of the statement.
///
/// PostgreSQL: the class is the first two characters of an SQLSTATE (appendix A of its manual). SQLite: the primary result
/// code is the low byte of the extended code.
fn is_passing(code: &str) -> bool {
    if let (5, Some(class)) = (code.len(), code.get(..2)) {
        // Connection, insufficient resources, operator intervention, system error; a standby that became read-only.
        // A deadlock, a conflict, a lock that is not free.
        let is_in_the_way = matches!(code, "40P01" | "40001" | "55P03");
        return matches!(class, "08" | "53" | "57" | "58") || code == "25006" || is_in_the_way;
    }
    code.parse::<u32>().is_ok_and(|code| SQLITE_PASSING.contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn only_codes_that_tell_of_a_passing_state_are_passing() {
        for passing in ["57P01", "53300", "08006", "25006", "40P01", "55P03", "5", "517", "6", "13", "1546", "14"] {
            assert!(is_passing(passing), "{passing}");
        }
        for lasting in ["42601", "23505", "22021", "1", "19", "2067", "1555", ""] {
            assert!(!is_passing(lasting), "{lasting}");
        }
    }
}
