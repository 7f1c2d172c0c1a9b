//! The one table of database faults: what an error of the driver means for the request, the retry and the connection.

use std::io::ErrorKind;

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlxError};

use crate::Error;

/// The meaning of a database error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection could be had, so nothing was sent. This includes a wrong password: it may have been changed a moment ago,
    /// and a proxy reports its own reasons in this way.
    NotConnected,
    /// The operating system refused to send, because the connection was closed before. Nothing was done.
    NotSent,
    /// The connection broke, or its protocol state is unusable. It is unknown whether the statement was done.
    Broken,
    /// The server ended the session instead of answering, or it is a standby that only reads. The statement was not done.
    SessionEnded,
    /// The server crashed. That can happen between a commit and its answer, so it is unknown whether the statement was done.
    Crashed,
    /// A deadlock or a serialization failure. The server rolled back; the other transaction is finished, so a retry can succeed.
    Conflict,
    /// A lock was not free in time. The server rolled back.
    LockTimeout,
    /// The statement reached its time limit. The database ended it, and nothing was done.
    TimeLimit,
    /// A state that passes: no free connection, a failed TLS handshake, no resources, an operator's intervention, a full disk, a
    /// busy file.
    Passing,
    /// The database refused the statement itself.
    Refused,
    /// A defect outside the database, such as a row that cannot be decoded.
    Other,
}

impl Fault {
    /// Classifies an error.
    pub(crate) fn of(error: &DbErr) -> Self {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(cause)) => match Self::of_driver(cause) {
                // A session that ends is recognized, because idle connections are then doubted too.
                ended @ (Self::Broken | Self::SessionEnded | Self::Crashed | Self::NotSent) => ended,
                _ => Self::NotConnected,
            },
            DbErr::ConnectionAcquire(_) | DbErr::Conn(RuntimeErr::Internal(_)) => Self::NotConnected,
            DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
                Self::of_driver(cause)
            }
            _ => Self::Other,
        }
    }

    fn of_driver(error: &SqlxError) -> Self {
        match error {
            SqlxError::Io(error) if error.kind() == ErrorKind::BrokenPipe => Self::NotSent,
            SqlxError::Io(_) | SqlxError::Protocol(_) => Self::Broken,
            SqlxError::Tls(_) | SqlxError::PoolTimedOut | SqlxError::PoolClosed | SqlxError::WorkerCrashed => {
                Self::Passing
            }
            SqlxError::Database(answer) => answer.code().map_or(Self::Refused, |code| Self::of_code(&code)),
            _ => Self::Other,
        }
    }

    /// Classifies the error code of a database.
    ///
    /// PostgreSQL: an SQLSTATE of five characters, the class of which is the first two (appendix A of its manual). SQLite: the
    /// low byte of the extended result code is the primary result code.
    fn of_code(code: &str) -> Self {
        match code {
            // 25P03: the transaction was idle for too long, and was rolled back.
            "57P01" | "57P03" | "57P05" | "25006" | "25P03" => return Self::SessionEnded,
            "57P02" => return Self::Crashed,
            "40P01" | "40001" => return Self::Conflict,
            "55P03" => return Self::LockTimeout,
            "57014" => return Self::TimeLimit,
            _ => {}
        }
        if let (5, Some(class)) = (code.len(), code.get(..2)) {
            // Connection, insufficient resources, operator intervention, system error.
            return if matches!(class, "08" | "53" | "57" | "58") { Self::Passing } else { Self::Refused };
        }
        match code.parse::<u32>().map(|code| code & 0xff) {
            // INTERRUPT, by the progress handler.
            Ok(9) => Self::TimeLimit,
            // BUSY, LOCKED, IOERR, FULL, CANTOPEN.
            Ok(5 | 6 | 10 | 13 | 14) => Self::Passing,
            _ => Self::Refused,
        }
    }

    /// Whether the connection can no longer be used, or leads to the wrong server.
    pub(super) fn breaks_connection(self) -> bool {
        matches!(self, Self::NotSent | Self::Broken | Self::SessionEnded | Self::Crashed)
    }

    /// Whether the statement was certainly not done, so that a write can be sent again on another connection.
    pub(super) fn was_not_done(self) -> bool {
        matches!(self, Self::NotSent | Self::SessionEnded)
    }

    /// Whether the database rejected the statement or rolled it back, so that nothing of a batch was done.
    pub(crate) fn was_rejected(self) -> bool {
        matches!(self, Self::Refused | Self::Conflict | Self::LockTimeout)
    }

    /// Whether a retry later can succeed.
    fn can_pass(self) -> bool {
        !matches!(self, Self::Refused | Self::Other)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let can_pass = Fault::of(&error).can_pass();
        if can_pass { Self::Unavailable(error.into()) } else { Self::Database(error.into()) }
    }
}

/// Whether the error of a connection attempt can pass without a change of the configuration.
pub(super) fn is_down(error: &SqlxError) -> bool {
    use ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotFound, TimedOut,
        UnexpectedEof,
    };
    match error {
        // A host name that does not exist has no error kind of its own; addresses that do not answer have.
        SqlxError::Io(error) => matches!(
            error.kind(),
            ConnectionAborted
                | ConnectionRefused
                | ConnectionReset
                | HostUnreachable
                | NetworkUnreachable
                | NotFound
                | TimedOut
                | UnexpectedEof
        ),
        // The passing SQLSTATE classes, and the code by which proxies and poolers report that the server is not reached.
        SqlxError::Database(answer) => answer
            .code()
            .is_some_and(|code| matches!(code.get(..2), Some("08" | "53" | "57" | "58")) || code == "XX000"),
        _ => false,
    }
}

/// Whether an answer shows that a pooler mixes up prepared statements: the statement exists already, or does not exist, or
/// PgBouncer's answer to a transaction in its statement mode.
pub(super) fn is_mixed_up(answer: &dyn DatabaseError) -> bool {
    match answer.code().as_deref() {
        Some("42P05" | "26000") => true,
        Some("08P01") => answer.message().contains("statement pooling mode"),
        _ => false,
    }
}

/// Whether the error is SQLite's `SQLITE_BUSY`: the primary result code or one that extends it.
pub(super) fn is_busy(error: &DbErr) -> bool {
    let Some(SqlxError::Database(answer)) = driver_error(error) else { return false };
    answer.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// The error of a driver as an error of a query.
pub(crate) fn query_error(error: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// The error of a driver, if the error has one.
pub(super) fn driver_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn a_code_of_a_passing_state_makes_the_database_unavailable() {
        for code in
            ["57P01", "53300", "08006", "25006", "40P01", "55P03", "5", "517", "6", "13", "1546", "14", "57014", "9"]
        {
            assert!(Fault::of_code(code).can_pass(), "{code}");
        }
        for code in ["42601", "23505", "22021", "1", "19", "2067", "1555", ""] {
            assert_eq!(Fault::of_code(code), Fault::Refused, "{code}");
        }
    }

    #[test]
    fn a_write_is_sent_again_only_after_a_code_of_a_session_that_ended_before_it() {
        for code in ["57P01", "57P03", "57P05", "25006", "25P03"] {
            assert!(Fault::of_code(code).was_not_done() && Fault::of_code(code).breaks_connection(), "{code}");
        }
        // A crash can come between a commit and its answer.
        assert!(!Fault::of_code("57P02").was_not_done() && Fault::of_code("57P02").breaks_connection());
        for code in ["40P01", "55P03", "53300", "5"] {
            assert!(!Fault::of_code(code).was_not_done() && !Fault::of_code(code).breaks_connection(), "{code}");
        }
    }
}
