use sea_orm::SqlxError;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Row, raw_sql};
use tokio::time::timeout;

use super::{Health, KEPT_CONNECTION_TIMEOUT, LOCK_TIMEOUT, NEW_CONNECTION_TIMEOUT, WriteFaults, explain, migrations};

/// Probes PostgreSQL. It sends plain queries without a prepared statement and keeps no state in the session, so it works through
/// a pooler in transaction mode.
#[derive(Debug)]
pub(super) struct PostgresProbe {
    options: PgConnectOptions,
    question: String,
    test_write: String,
    /// The number of migrations that must have been applied.
    migrations: usize,
    connection: Option<PgConnection>,
}

impl PostgresProbe {
    pub(super) fn new(options: &PgConnectOptions) -> Self {
        let (names, migrations) = migrations();
        Self {
            options: options.clone().application_name("task-api probe"),
            // It does not touch the table of tasks, so it waits for no lock on it.
            question: format!(
                "SELECT current_setting('transaction_read_only'), (to_regclass('task') IS NOT NULL)::text, count(*)::text \
                 FROM seaql_migrations WHERE version IN ({names})"
            ),
            // The description does not fit into the free space of a page. No caller has an empty id.
            test_write: format!(
                "BEGIN; SET LOCAL lock_timeout = {}; \
                 INSERT INTO task (user_id, title, description, completed, created_at, updated_at) \
                 SELECT '', '', string_agg(md5(random()::text), ''), false, now(), now() FROM generate_series(1, 256); \
                 ROLLBACK",
                LOCK_TIMEOUT.as_millis()
            ),
            migrations,
            connection: None,
        }
    }

    pub(super) async fn check(&mut self, faults: &WriteFaults) -> Health {
        // A connection that fails, or that leads to a server which only reads, may be a remainder of a restart or a failover. So
        // only a new connection decides.
        if let Some(mut connection) = self.connection.take() {
            let answer = timeout(KEPT_CONNECTION_TIMEOUT, self.ask(&mut connection, faults)).await;
            if let Ok(Ok(health @ (Health::Good | Health::NotMigrated))) = answer {
                self.connection = Some(connection);
                return health;
            }
        }
        let attempt = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let health = self.ask(&mut connection, faults).await?;
            Ok::<_, SqlxError>((connection, health))
        };
        match timeout(NEW_CONNECTION_TIMEOUT, attempt).await {
            Ok(Ok((connection, health))) => {
                self.connection = Some(connection);
                health
            }
            Ok(Err(error)) => Health::Unreachable(explain(&error)),
            Err(_) => Health::Unreachable(format!("no answer within {} s", NEW_CONNECTION_TIMEOUT.as_secs())),
        }
    }

    async fn ask(&self, connection: &mut PgConnection, faults: &WriteFaults) -> Result<Health, SqlxError> {
        let answer = raw_sql(AssertSqlSafe(self.question.as_str())).fetch_one(&mut *connection).await;
        let row = match answer {
            Err(error) if code(&error).as_deref() == Some("42P01") => return Ok(Health::NotMigrated),
            answer => answer?,
        };
        let text = |index: usize| row.try_get::<String, _>(index);
        if text(1)? != "true" || text(2)? != self.migrations.to_string() {
            return Ok(Health::NotMigrated);
        }
        if text(0)? != "off" {
            return Ok(Health::NotWritable("the server accepts no writes (transaction_read_only)".to_owned()));
        }
        if faults.is_in_doubt() {
            return self.test_write(connection, faults).await;
        }
        Ok(Health::Good)
    }

    async fn test_write(&self, connection: &mut PgConnection, faults: &WriteFaults) -> Result<Health, SqlxError> {
        let Err(error) = raw_sql(AssertSqlSafe(self.test_write.as_str())).execute(&mut *connection).await else {
            faults.end_doubt();
            return Ok(Health::Good);
        };
        let Some(code) = code(&error) else { return Err(error) };
        raw_sql("ROLLBACK").execute(&mut *connection).await?;
        Ok(match code.as_str() {
            // A lock that another statement holds, or a statement that was canceled. The doubt remains.
            "55P03" | "57014" | "40001" | "40P01" => Health::Good,
            _ => Health::NotWritable(explain(&error)),
        })
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = timeout(KEPT_CONNECTION_TIMEOUT, connection.close()).await;
        }
    }
}

/// The SQLSTATE of an answer of the server.
fn code(error: &SqlxError) -> Option<String> {
    match error {
        SqlxError::Database(answer) => answer.code().map(Into::into),
        _ => None,
    }
}
