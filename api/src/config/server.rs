use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::str::FromStr;

use log::LevelFilter;

use super::TaskAliases;
use super::variables::{ConfigError, Variables};

/// How the server runs and stops, and what it reports.
#[derive(Debug)]
pub struct ServerConfig {
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`. With 0 the system chooses a port.
    pub port: u16,
    /// `WORKERS`: the number of threads. `None` is one for each processor.
    pub workers: Option<NonZeroUsize>,
    /// `READY_AFTER_SECONDS`: how long the database may be without an answer before this server is not ready.
    pub ready_after_seconds: u16,
    /// `SHUTDOWN_DELAY_SECONDS`: the time between the end of readiness and the end of accepting connections.
    pub shutdown_delay_seconds: u32,
    /// `SHUTDOWN_TIMEOUT_SECONDS`: how long requests in flight may still take after that.
    pub shutdown_timeout_seconds: u64,
    /// `DELETE_RETURNS_TASK`: whether DELETE answers with the deleted task if the client states no preference.
    pub delete_returns_task: bool,
    /// `TASK_ALIASES`: the other names that answers have for `completed`.
    pub task_aliases: TaskAliases,
    /// `DOCS`: whether `/docs` and `/openapi.json` are served.
    pub docs: bool,
    /// `METRICS_ADDRESS`. `None` is no metrics.
    pub metrics_address: Option<SocketAddr>,
    /// `RUST_LOG`.
    pub log_filter: String,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
}

/// The form of the lines of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// The log filter without `RUST_LOG`. It hides the start messages of the HTTP library and its reports of malformed requests.
const DEFAULT_LOG_FILTER: &str = "info,actix_http=off,actix_server=warn";

/// The HTTP library refuses to start more threads.
const MAX_WORKERS: usize = 512;

/// The database is asked once a second. With less than this, one late answer would make the server unready.
const MIN_READY_AFTER: u16 = 2;

impl ServerConfig {
    /// Reads and checks these variables only.
    ///
    /// # Errors
    /// As [`Config::load`](super::Config::load).
    pub fn load(variables: &Variables) -> Result<Self, ConfigError> {
        let host = match variables.get("HOST") {
            None | Some("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(text) => text.parse().map_err(|_| ConfigError::new("HOST", "must be an IP address, or localhost"))?,
        };
        let metrics_address =
            variables.get("METRICS_ADDRESS").map(str::parse).transpose().map_err(|_| {
                ConfigError::new("METRICS_ADDRESS", "must be an address and a port, like 127.0.0.1:9090")
            })?;
        Ok(Self {
            host,
            port: variables.parse("PORT", 8000, "a port number, 0 to 65535")?,
            workers: workers(variables)?,
            ready_after_seconds: ready_after_seconds(variables)?,
            shutdown_delay_seconds: variables.parse("SHUTDOWN_DELAY_SECONDS", 0, "a number of seconds")?,
            shutdown_timeout_seconds: variables.parse("SHUTDOWN_TIMEOUT_SECONDS", 30, "a number of seconds")?,
            delete_returns_task: variables.parse("DELETE_RETURNS_TASK", false, "true or false")?,
            task_aliases: TaskAliases::load(variables)?,
            docs: variables.parse("DOCS", true, "true or false")?,
            metrics_address,
            log_filter: log_filter(variables)?,
            log_format: variables.parse("LOG_FORMAT", LogFormat::default(), "text or json")?,
        })
    }
}

fn workers(variables: &Variables) -> Result<Option<NonZeroUsize>, ConfigError> {
    let expected = format!("a number of threads up to {MAX_WORKERS}, 0 for one a processor");
    let workers: usize = variables.parse("WORKERS", 0, &expected)?;
    if workers > MAX_WORKERS {
        return Err(ConfigError::new("WORKERS", format!("must be {expected}")));
    }
    Ok(NonZeroUsize::new(workers))
}

fn ready_after_seconds(variables: &Variables) -> Result<u16, ConfigError> {
    let expected = format!("a number of seconds, at least {MIN_READY_AFTER}");
    let seconds = variables.parse("READY_AFTER_SECONDS", 3, &expected)?;
    if seconds < MIN_READY_AFTER {
        return Err(ConfigError::new("READY_AFTER_SECONDS", format!("must be {expected}")));
    }
    Ok(seconds)
}

/// Reads `RUST_LOG`. The library takes a word that is no level as the name of a module, and then logs nothing else.
fn log_filter(variables: &Variables) -> Result<String, ConfigError> {
    let filter = variables.get("RUST_LOG").unwrap_or(DEFAULT_LOG_FILTER);
    let is_known = |part: &str| part.contains('=') || part.is_empty() || part.parse::<LevelFilter>().is_ok();
    let is_valid = env_filter::Builder::new().try_parse(filter).is_ok();
    if is_valid && filter.split(',').map(str::trim).all(is_known) {
        return Ok(filter.to_owned());
    }
    let expected = "must be a level (error, warn, info, debug, trace or off), or a comma list of MODULE=LEVEL";
    Err(ConfigError::new("RUST_LOG", expected))
}
