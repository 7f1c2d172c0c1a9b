use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use service::{DbConfig, Tls};

use super::variables::{ConfigError, Variables};

/// How the database is reached.
#[derive(Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`. It can contain a password.
    url: SecretString,
    /// `DATABASE_DIRECT_URL`, for migrations.
    direct_url: Option<SecretString>,
    /// `DATABASE_MAX_CONNECTIONS`.
    max_connections: u32,
    /// `DATABASE_TLS`.
    tls: Tls,
    /// `DATABASE_WAIT_SECONDS`: how long the start waits for a database that is down.
    wait_seconds: u32,
    /// `MIGRATE_ON_START`.
    pub migrate_on_start: bool,
}

impl DatabaseConfig {
    /// Reads the settings of the database alone, for commands that need no others.
    ///
    /// # Errors
    /// Names the variable and the value it expects.
    pub fn load(variables: &Variables) -> Result<Self, ConfigError> {
        let default_connections = NonZeroU32::MIN.saturating_add(15);
        Ok(Self {
            url: variables.get("DATABASE_URL").unwrap_or(service::DEFAULT_DATABASE_URL).into(),
            direct_url: variables.get("DATABASE_DIRECT_URL").map(SecretString::from),
            max_connections: variables
                .parse("DATABASE_MAX_CONNECTIONS", default_connections, "a positive number")?
                .get(),
            tls: variables
                .get("DATABASE_TLS")
                .map_or(Ok(Tls::default()), str::parse)
                .map_err(|()| ConfigError::new("DATABASE_TLS", "must be verify, unverified or off"))?,
            wait_seconds: variables.parse("DATABASE_WAIT_SECONDS", 30, "a number of seconds")?,
            migrate_on_start: variables.parse("MIGRATE_ON_START", true, "true or false")?,
        })
    }

    /// The settings in the form that the service takes. They contain passwords.
    #[must_use]
    pub fn connection(&self) -> DbConfig<'_> {
        DbConfig {
            url: self.url.expose_secret(),
            direct_url: self.direct_url.as_ref().map(ExposeSecret::expose_secret),
            max_connections: self.max_connections,
            tls: self.tls,
            startup_wait: Duration::from_secs(self.wait_seconds.into()),
        }
    }
}
