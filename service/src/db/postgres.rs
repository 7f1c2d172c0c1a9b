use std::time::{Duration, Instant};

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection, Executor};
use sea_orm::{DbErr, SqlxError};
use tokio::time::{sleep, timeout};

use crate::Error;

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to look for a pooler that mixes up statements.
const PROBE: Duration = Duration::from_secs(10);
/// How often to provoke it.
const ATTEMPTS: usize = 4;
/// How long to wait for a pooler that may have no second connection to give.
const POOLER: Duration = Duration::from_secs(2);

/// Waits until the server can be connected to. One that is merely down is waited for as long as `patience` lasts; one that
/// refuses us (password, certificate, name, database) is not.
pub(super) async fn wait_for(
    options: &PgConnectOptions,
    patience: Duration,
    notice: &mut impl FnMut(&str),
) -> Result<(), Error> {
    let started = Instant::now();
    let mut said = false;
    loop {
        let problem = match timeout(ATTEMPT, PgConnection::connect_with(options)).await {
            Ok(Ok(connection)) => {
                // It has served its purpose; how it ends does not matter.
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) if !is_down(&error) => return Err(Error::Database(DbErr::Custom(explain(&error)))),
            Ok(Err(error)) => explain(&error),
            Err(_) => format!("no answer within {} s", ATTEMPT.as_secs()),
        };
        if started.elapsed() >= patience {
            return Err(Error::Unavailable(DbErr::Custom(problem)));
        }
        if !said {
            notice(&format!("the database is not up yet, waiting up to {} s: {problem}", patience.as_secs()));
            said = true;
        }
        sleep(PAUSE).await;
    }
}

/// Whether this may pass by itself.
fn is_down(error: &SqlxError) -> bool {
    match error {
        // A name that does not exist has no error kind of its own; addresses that do not answer have.
        SqlxError::Io(error) => {
            use std::io::ErrorKind::{
                ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotFound,
                TimedOut, UnexpectedEof,
            };
            matches!(
                error.kind(),
                ConnectionAborted
                    | ConnectionRefused
                    | ConnectionReset
                    | HostUnreachable
                    | NetworkUnreachable
                    | NotFound
                    | TimedOut
                    | UnexpectedEof
            )
        }
        // Classes of connection, resources, operator and system, and a proxy's or pooler's own words for "not reached".
        SqlxError::Database(answer) => answer
            .code()
            .is_some_and(|code| matches!(code.get(..2), Some("08" | "53" | "57" | "58")) || code == "XX000"),
        _ => false,
    }
}

/// One line; the driver's errors do not tell the password.
fn explain(error: &SqlxError) -> String {
    match error {
        SqlxError::Database(answer) => answer.message().to_owned(),
        SqlxError::Tls(error) => format!("TLS: {error}"),
        other => other.to_string(),
    }
    .replace('\n', " ")
}

/// Refuses a pooler that hands one server connection to several clients without keeping their prepared statements apart
/// (PgBouncer before 1.21, or with `max_prepared_statements = 0`, in transaction mode): half of the requests would fail, and
/// one client's statement could run instead of another's.
///
/// Two clients prepare a statement under the name that each would use, while one of them holds a transaction. Where each has
/// a session of its own, or the pooler renames, both succeed.
pub(super) async fn refuse_mixing_pooler(options: &PgConnectOptions) -> Result<(), Error> {
    match timeout(PROBE, probe(options)).await {
        Ok(Err(SqlxError::Database(answer))) if mixes_up(&*answer) => Err(Error::Database(DbErr::Custom(
            "a connection pooler in transaction mode that does not support prepared statements: set \
                 max_prepared_statements (PgBouncer 1.21 or newer), or use its session mode, or connect directly"
                .to_owned(),
        ))),
        // Whatever else went wrong is not about this, and will show.
        _ => Ok(()),
    }
}

/// Prepared already, not prepared, or what PgBouncer answers to a transaction in its statement mode.
fn mixes_up(answer: &dyn DatabaseError) -> bool {
    match answer.code().as_deref() {
        Some("42P05" | "26000") => true,
        Some("08P01") => answer.message().contains("statement pooling mode"),
        _ => false,
    }
}

async fn probe(options: &PgConnectOptions) -> Result<(), SqlxError> {
    let mut one = PgConnection::connect_with(options).await?;
    let mut other = PgConnection::connect_with(options).await?;
    // A pooler chooses a server connection anew each time: several attempts make a collision likely however it chooses.
    for _ in 0..ATTEMPTS {
        one.execute(sqlx::query("SELECT 1 AS one")).await?;
        other.execute("BEGIN").await?;
        let prepared = other.execute(sqlx::query("SELECT 2 AS other")).await;
        // A pooler with one connection to give lets us wait here: then that attempt has told enough.
        let again = timeout(POOLER, one.execute(sqlx::query("SELECT 1 AS one"))).await;
        let _ = other.execute("ROLLBACK").await;
        prepared?;
        let Ok(again) = again else { break };
        again?;
    }
    Ok(())
}
