//! Every setting. All of them are read once, at start, and checked there. `.env.example` describes them to operators.

mod auth;
mod cors;
mod database;
mod development_secret;
mod limits;
mod mcp;
mod misspelt;
mod server;
mod task_aliases;
mod variables;

pub use auth::{AuthConfig, KeyServerConfig};
pub use cors::{AllowedOrigins, CorsConfig};
pub use database::DatabaseConfig;
pub use limits::{ConnectionTimeouts, LimitsConfig};
pub(crate) use mcp::is_loopback;
pub use mcp::{McpConfig, McpEndpoint};
pub use server::{LogFormat, ServerConfig};
pub use task_aliases::{TaskAlias, TaskAliases};
pub use variables::{ConfigError, Variables};

/// All settings. Printing them with `{:?}` shows no secret.
#[derive(Debug)]
pub struct Config {
    /// The address, threads, stop behaviour, log and metrics.
    pub server: ServerConfig,
    /// How the database is reached.
    pub database: DatabaseConfig,
    /// How tokens are verified.
    pub auth: AuthConfig,
    /// Which pages may call the API.
    pub cors: CorsConfig,
    /// How many requests and connections are accepted.
    pub limits: LimitsConfig,
    /// How agents reach the server.
    pub mcp: McpConfig,
    /// Warnings for the operator, to log once logging has started.
    pub notices: Vec<String>,
}

impl Config {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// Names the variable and the value it expects, never the value it has, which can be a secret.
    pub fn load(variables: &Variables) -> Result<Self, ConfigError> {
        let mut notices = variables.warnings();
        let server = ServerConfig::load(variables)?;
        let auth = AuthConfig::load(variables, server.host, &mut notices)?;
        Ok(Self {
            database: DatabaseConfig::load(variables)?,
            cors: CorsConfig::load(variables, auth.is_development, &mut notices)?,
            auth,
            limits: LimitsConfig::load(variables)?,
            mcp: McpConfig::load(variables)?,
            server,
            notices,
        })
    }
}
