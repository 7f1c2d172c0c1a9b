use std::time::{Duration, Instant};

use sea_orm::SqlxError;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection, Executor};
use tokio::time::{sleep, timeout};

use super::fault::{is_down, is_mixed_up};
use crate::{Cause, Error};

/// The timeout of one attempt to connect.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// The timeout of the check for a pooler that mixes up statements.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of attempts to provoke it.
const PROBE_ATTEMPTS: usize = 4;
/// The wait for a pooler that may have no second connection to give.
const POOLER_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits until the server accepts a connection. It waits up to `wait` for a server that is down. It does not wait for a server
/// that refuses the connection (password, certificate, name, database). `name` is that of the [`Destination`], for messages.
///
/// [`Destination`]: super::destination::Destination
pub(super) async fn wait_for(
    name: &str,
    options: &PgConnectOptions,
    wait: Duration,
    notice: &mut impl FnMut(&str),
) -> Result<(), Error> {
    let started = Instant::now();
    let mut has_noticed = false;
    loop {
        let problem = match timeout(ATTEMPT_TIMEOUT, PgConnection::connect_with(options)).await {
            Ok(Ok(connection)) => {
                // It was opened only for this check, so an error while it closes does not matter.
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) if !is_down(&error) => {
                return Err(Error::Database(Cause::of(format!("{name}: {}", explain(&error)))));
            }
            Ok(Err(error)) => explain(&error),
            Err(_) => format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs()),
        };
        if started.elapsed() >= wait {
            return Err(Error::Unavailable(Cause::of(format!("{name}: {problem}"))));
        }
        if !has_noticed {
            notice(&format!("the database is not up yet, waiting up to {} s: {name}: {problem}", wait.as_secs()));
            has_noticed = true;
        }
        sleep(PAUSE).await;
    }
}

/// The error in one line. The driver's errors do not contain the password.
fn explain(error: &SqlxError) -> String {
    match error {
        SqlxError::Database(answer) => answer.message().to_owned(),
        SqlxError::Tls(error) => format!("TLS: {error}"),
        other => other.to_string(),
    }
    .replace('\n', " ")
}

/// Refuses a pooler that gives one server connection to several clients without keeping their prepared statements apart
/// (PgBouncer before 1.21, or with `max_prepared_statements = 0`, in transaction mode). With such a pooler half of the requests
/// fail, and the statement of one client can run instead of that of another.
///
/// The check prepares two statements with two clients, while one of them holds a transaction. Both succeed if each client has a
/// session of its own, or if the pooler renames the statements.
pub(super) async fn refuse_mixing_pooler(options: &PgConnectOptions) -> Result<(), Error> {
    match timeout(PROBE_TIMEOUT, probe(options)).await {
        Ok(Err(SqlxError::Database(answer))) if is_mixed_up(&*answer) => Err(Error::Database(Cause::of(
            "a connection pooler in transaction mode that does not support prepared statements: set \
                 max_prepared_statements (PgBouncer 1.21 or newer), or use its session mode, or connect directly",
        ))),
        // Any other failure is not about pooling, and the following steps report it.
        _ => Ok(()),
    }
}

async fn probe(options: &PgConnectOptions) -> Result<(), SqlxError> {
    let mut one = PgConnection::connect_with(options).await?;
    let mut other = PgConnection::connect_with(options).await?;
    // A pooler chooses a server connection for each transaction. Several attempts make a collision likely in any case.
    for _ in 0..PROBE_ATTEMPTS {
        one.execute(sqlx::query("SELECT 1 AS one")).await?;
        other.execute("BEGIN").await?;
        let prepared = other.execute(sqlx::query("SELECT 2 AS other")).await;
        // A pooler with only one connection makes the client wait here. The result of this attempt is then sufficient.
        let again = timeout(POOLER_TIMEOUT, one.execute(sqlx::query("SELECT 1 AS one"))).await;
        let _ = other.execute("ROLLBACK").await;
        prepared?;
        let Ok(again) = again else { break };
        again?;
    }
    Ok(())
}
