//! Every setting, read once at start and checked there; `.env.example` is its description for people.

mod secret;
mod variables;

use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroUsize};

use secrecy::{ExposeSecret, SecretString};

pub use variables::{ConfigError, Variables};

use crate::logging;

/// Everything that can be set. Secrets do not print.
#[derive(Debug)]
pub struct Config {
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`; 0 lets the system choose.
    pub port: u16,
    /// `DATABASE_URL`; it can hold a password.
    database_url: SecretString,
    /// `DATABASE_MAX_CONNECTIONS`.
    pub database_max_connections: u32,
    /// `MIGRATE_ON_START`.
    pub migrate_on_start: bool,
    /// `BETTER_AUTH_*`.
    pub auth: AuthConfig,
    /// `CORS_ALLOWED_ORIGINS`, else `BETTER_AUTH_TRUSTED_ORIGINS`.
    pub cors_allowed_origins: Vec<String>,
    /// `DELETE_RETURNS_TASK`.
    pub delete_returns_task: DeleteReturnsTask,
    /// `RATE_LIMIT_PER_SECOND`; `None` is no limit.
    pub rate_limit_per_second: Option<NonZeroU32>,
    /// `SHUTDOWN_TIMEOUT_SECONDS`: how long requests under way may take when the server is told to stop.
    pub shutdown_timeout_seconds: u64,
    /// `WORKERS`; `None` is one for each processor.
    pub workers: Option<NonZeroUsize>,
    /// `RUST_LOG`.
    pub log_filter: String,
    /// What whoever starts the server should know.
    pub notices: Vec<String>,
}

/// How tokens are judged.
#[derive(Debug)]
pub struct AuthConfig {
    /// `BETTER_AUTH_SECRET`: its bytes are the key.
    pub secret: SecretString,
    /// `BETTER_AUTH_ISSUER`: where not empty, `iss` must be one of them.
    pub issuers: Vec<String>,
    /// `BETTER_AUTH_AUDIENCE`: where not empty, `aud` must hold one of them.
    pub audiences: Vec<String>,
}

/// Whether DELETE answers with the deleted task when the client has no preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteReturnsTask(pub bool);

impl Config {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// Names the variable and what it should be; never its value where that is a secret.
    pub fn load(variables: &Variables) -> Result<Self, ConfigError> {
        let host = match variables.get("HOST") {
            None | Some("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(text) => text.parse().map_err(|_| ConfigError::new("HOST", "must be an IP address, or localhost"))?,
        };
        let database_url = variables.get("DATABASE_URL").unwrap_or(service::DEFAULT_DATABASE_URL);
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| database_url.starts_with(scheme)) {
            return Err(ConfigError::new("DATABASE_URL", "must begin with sqlite:, postgres:// or postgresql://"));
        }
        let mut notices = Vec::new();
        let secret = secret::load(variables, host, &mut notices)?;
        Ok(Self {
            host,
            port: variables.parse("PORT", 8000, "a port number, 0 to 65535")?,
            database_url: database_url.into(),
            database_max_connections: variables
                .parse("DATABASE_MAX_CONNECTIONS", NonZeroU32::MIN.saturating_add(15), "a positive number")?
                .get(),
            migrate_on_start: variables.parse("MIGRATE_ON_START", true, "true or false")?,
            auth: AuthConfig {
                secret,
                issuers: variables.list("BETTER_AUTH_ISSUER"),
                audiences: variables.list("BETTER_AUTH_AUDIENCE"),
            },
            cors_allowed_origins: origins(variables)?,
            delete_returns_task: DeleteReturnsTask(variables.parse("DELETE_RETURNS_TASK", false, "true or false")?),
            rate_limit_per_second: NonZeroU32::new(variables.parse(
                "RATE_LIMIT_PER_SECOND",
                0,
                "a number of requests, 0 for no limit",
            )?),
            shutdown_timeout_seconds: variables.parse("SHUTDOWN_TIMEOUT_SECONDS", 30, "a number of seconds")?,
            workers: NonZeroUsize::new(variables.parse("WORKERS", 0, "a number of threads, 0 for one a processor")?),
            log_filter: variables.get("RUST_LOG").unwrap_or(logging::DEFAULT_FILTER).to_owned(),
            notices,
        })
    }

    /// The database's address, password included.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database_url.expose_secret()
    }
}

/// The origins of pages that may call us, as browsers send them: scheme, host and port.
fn origins(variables: &Variables) -> Result<Vec<String>, ConfigError> {
    let (name, origins) = ["CORS_ALLOWED_ORIGINS", "BETTER_AUTH_TRUSTED_ORIGINS"]
        .map(|name| (name, variables.list(name)))
        .into_iter()
        .find(|(_, origins)| !origins.is_empty())
        .unwrap_or(("CORS_ALLOWED_ORIGINS", vec!["http://localhost:3000".to_owned()]));
    for origin in &origins {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if authority.is_none_or(|authority| authority.is_empty() || authority.contains(['/', '*', '?', '#', '@'])) {
            return Err(ConfigError::new(name, "must be a comma list of origins like https://app.example.com"));
        }
    }
    Ok(origins)
}
