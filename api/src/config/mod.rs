//! Every setting, read once at start and checked there; `.env.example` is its description for people.

mod auth;
mod development_secret;
mod variables;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use service::{DbConfig, Tls};
use url::Url;

pub use auth::{AuthConfig, KeyServer};
pub use variables::{ConfigError, Variables};

use crate::server::logging;

/// Everything that can be set. Secrets do not print.
#[derive(Debug)]
pub struct Config {
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`; 0 lets the system choose.
    pub port: u16,
    /// `DATABASE_URL`; it can hold a password.
    database_url: SecretString,
    /// `DATABASE_DIRECT_URL`, for migrations.
    database_direct_url: Option<SecretString>,
    /// `DATABASE_MAX_CONNECTIONS`.
    database_max_connections: u32,
    /// `DATABASE_TLS`.
    database_tls: Tls,
    /// `DATABASE_WAIT_SECONDS`: how long to wait at start for a database that is down.
    database_wait_seconds: u32,
    /// `MIGRATE_ON_START`.
    pub migrate_on_start: bool,
    /// `BETTER_AUTH_*`.
    pub auth: AuthConfig,
    /// `CORS_ALLOWED_ORIGINS`, else `BETTER_AUTH_TRUSTED_ORIGINS`.
    pub cors_allowed_origins: Vec<String>,
    /// `DELETE_RETURNS_TASK`.
    pub delete_returns_task: DeleteReturnsTask,
    /// `RATE_LIMIT_PER_SECOND`, for each user; `None` is no limit.
    pub rate_limit_per_second: Option<NonZeroU32>,
    /// `RATE_LIMIT_PER_ADDRESS_PER_SECOND`; `None` is no limit.
    pub rate_limit_per_address_per_second: Option<NonZeroU32>,
    /// `TRUST_FORWARDED_FOR`.
    pub trust_forwarded_for: TrustForwardedFor,
    /// `METRICS_ADDRESS`; `None` is no metrics.
    pub metrics_address: Option<SocketAddr>,
    /// `SHUTDOWN_DELAY_SECONDS`: between the end of readiness and the end of taking connections.
    pub shutdown_delay_seconds: u32,
    /// `SHUTDOWN_TIMEOUT_SECONDS`: how long requests under way may take when the server is told to stop.
    pub shutdown_timeout_seconds: u64,
    /// `WORKERS`; `None` is one for each processor.
    pub workers: Option<NonZeroUsize>,
    /// `RUST_LOG`.
    pub log_filter: String,
    /// What whoever starts the server should know.
    pub notices: Vec<String>,
}

/// Whether DELETE answers with the deleted task when the client has no preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteReturnsTask(pub bool);

/// Whether `X-Forwarded-For` is believed: only behind a proxy that writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustForwardedFor(pub bool);

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
        let mut notices = Vec::new();
        let auth = AuthConfig::load(variables, host, &mut notices)?;
        Ok(Self {
            host,
            port: variables.parse("PORT", 8000, "a port number, 0 to 65535")?,
            database_url: database_url.into(),
            database_direct_url: variables.get("DATABASE_DIRECT_URL").map(SecretString::from),
            database_tls: variables
                .get("DATABASE_TLS")
                .map_or(Ok(Tls::default()), str::parse)
                .map_err(|()| ConfigError::new("DATABASE_TLS", "must be verify, unverified or off"))?,
            database_wait_seconds: variables.parse("DATABASE_WAIT_SECONDS", 30, "a number of seconds")?,
            database_max_connections: variables
                .parse("DATABASE_MAX_CONNECTIONS", NonZeroU32::MIN.saturating_add(15), "a positive number")?
                .get(),
            migrate_on_start: variables.parse("MIGRATE_ON_START", true, "true or false")?,
            auth,
            cors_allowed_origins: origins(variables, &mut notices)?,
            delete_returns_task: DeleteReturnsTask(variables.parse("DELETE_RETURNS_TASK", false, "true or false")?),
            rate_limit_per_second: limit(variables, "RATE_LIMIT_PER_SECOND")?,
            rate_limit_per_address_per_second: limit(variables, "RATE_LIMIT_PER_ADDRESS_PER_SECOND")?,
            trust_forwarded_for: TrustForwardedFor(variables.parse("TRUST_FORWARDED_FOR", false, "true or false")?),
            metrics_address: variables.get("METRICS_ADDRESS").map(str::parse).transpose().map_err(|_| {
                ConfigError::new("METRICS_ADDRESS", "must be an address and a port, like 127.0.0.1:9090")
            })?,
            shutdown_delay_seconds: variables.parse("SHUTDOWN_DELAY_SECONDS", 0, "a number of seconds")?,
            shutdown_timeout_seconds: variables.parse("SHUTDOWN_TIMEOUT_SECONDS", 30, "a number of seconds")?,
            workers: workers(variables)?,
            log_filter: log_filter(variables)?,
            notices,
        })
    }

    /// How the database is reached, passwords included.
    #[must_use]
    pub fn database(&self) -> DbConfig<'_> {
        DbConfig {
            url: self.database_url.expose_secret(),
            direct_url: self.database_direct_url.as_ref().map(ExposeSecret::expose_secret),
            max_connections: self.database_max_connections,
            tls: self.database_tls,
            patience: Duration::from_secs(self.database_wait_seconds.into()),
        }
    }
}

/// Far beyond what a person's front end does, and far below what stops others.
const GENEROUS: u32 = 2000;

fn limit(variables: &Variables, name: &str) -> Result<Option<NonZeroU32>, ConfigError> {
    variables.parse(name, GENEROUS, "a number of requests, 0 for no limit").map(NonZeroU32::new)
}

/// More threads than the HTTP library starts are a mistake.
fn workers(variables: &Variables) -> Result<Option<NonZeroUsize>, ConfigError> {
    const EXPECTED: &str = "a number of threads up to 512, 0 for one a processor";
    let workers: usize = variables.parse("WORKERS", 0, EXPECTED)?;
    if workers > 512 {
        return Err(ConfigError::new("WORKERS", format!("must be {EXPECTED}")));
    }
    Ok(NonZeroUsize::new(workers))
}

fn log_filter(variables: &Variables) -> Result<String, ConfigError> {
    let filter = variables.get("RUST_LOG").unwrap_or(logging::DEFAULT_FILTER);
    env_filter::Builder::new()
        .try_parse(filter)
        .map_err(|_| ConfigError::new("RUST_LOG", "must be a level like info, or a comma list of module=level"))?;
    Ok(filter.to_owned())
}

/// The pages that may call us. Better Auth's list is also for apps and patterns, which are no origins of pages: they are
/// passed over, and that is said.
fn origins(variables: &Variables, notices: &mut Vec<String>) -> Result<Vec<String>, ConfigError> {
    let ours = variables.list("CORS_ALLOWED_ORIGINS");
    if !ours.is_empty() {
        if ours.iter().all(|origin| is_origin(origin)) {
            return Ok(ours);
        }
        let expected = "must be a comma list of origins as browsers send them, like https://app.example.com";
        return Err(ConfigError::new("CORS_ALLOWED_ORIGINS", expected));
    }
    let (origins, others): (Vec<_>, Vec<_>) =
        variables.list("BETTER_AUTH_TRUSTED_ORIGINS").into_iter().partition(|origin| is_origin(origin));
    if !others.is_empty() {
        notices
            .push(format!("not used for CORS, being no origins: {} (BETTER_AUTH_TRUSTED_ORIGINS)", others.join(", ")));
    }
    Ok(if origins.is_empty() { vec!["http://localhost:3000".to_owned()] } else { origins })
}

/// Whether it is an origin as browsers send it (RFC 6454, section 6.2): scheme, host, a port that is not the scheme's own,
/// and nothing else. Anything else would never match.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}
