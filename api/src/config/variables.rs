use std::collections::HashMap;
use std::str::FromStr;

use service::EnvFile;

use super::misspelt;

/// The names of all variables that are read.
pub(super) const NAMES: &[&str] = &[
    "AUTH_SECRET",
    "BETTER_AUTH_AUDIENCE",
    "BETTER_AUTH_ISSUER",
    "BETTER_AUTH_JWKS_URL",
    "BETTER_AUTH_LEEWAY_SECONDS",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_SECRETS",
    "BETTER_AUTH_TRUSTED_ORIGINS",
    "BETTER_AUTH_URL",
    "CORS_ALLOWED_ORIGINS",
    "DATABASE_DIRECT_URL",
    "DATABASE_MAX_CONNECTIONS",
    "DATABASE_TLS",
    "DATABASE_URL",
    "DATABASE_WAIT_SECONDS",
    "DELETE_RETURNS_TASK",
    "DOCS",
    "HISTORY_DAYS",
    "HOST",
    "LOG_FORMAT",
    "MAX_CONNECTIONS_PER_ADDRESS",
    "MAX_LISTENERS",
    "MAX_TASKS_PER_USER",
    "MCP_DELETES_PER_HOUR",
    "MCP_REQUIRE_OAUTH",
    "MCP_RESOURCE",
    "METRICS_ADDRESS",
    "MIGRATE_ON_START",
    "PORT",
    "RATE_LIMIT_PER_ADDRESS_PER_SECOND",
    "RATE_LIMIT_PER_SECOND",
    "READY_AFTER_SECONDS",
    "RUST_LOG",
    "SHUTDOWN_DELAY_SECONDS",
    "SHUTDOWN_TIMEOUT_SECONDS",
    "TASK_ALIASES",
    "TRUST_FORWARDED_FOR",
    "WORKERS",
];

/// The variables of the environment and of the file `.env`. The environment takes precedence.
pub struct Variables(HashMap<String, String>);

/// A setting that is invalid. The message does not contain its value, which can be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(variable: &str, problem: impl Into<String>) -> Self {
        Self(format!("{variable} {}", problem.into()))
    }

    /// Makes an error of the file `.env` from a sentence.
    fn of_file(problem: String) -> Self {
        Self(problem)
    }
}

impl Variables {
    /// Reads the environment of this process, and `.env` in the working directory or above if there is one.
    ///
    /// # Errors
    /// If `.env` cannot be read, or if the value of a known variable is not UTF-8.
    pub fn of_process() -> Result<Self, ConfigError> {
        let file = EnvFile::find().map_err(ConfigError::of_file)?;
        let mut variables: HashMap<_, _> = file.unwrap_or_default().variables.into_iter().collect();
        for (name, value) in std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))) {
            match value.into_string() {
                Ok(value) => drop(variables.insert(name, value)),
                Err(_) if NAMES.contains(&name.as_str()) => return Err(ConfigError::new(&name, "is not UTF-8")),
                Err(_) => {}
            }
        }
        Ok(Self(variables))
    }

    /// Returns a warning for each variable whose name is probably a misspelt name of a setting. It shows no value.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        misspelt::warnings(self)
    }

    /// Returns the trimmed value, or `None` if it is empty or not set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.get_even_empty(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Returns the value exactly as it was set.
    pub(super) fn get_even_empty(&self, name: &str) -> Option<&str> {
        debug_assert!(NAMES.contains(&name), "{name} is not in NAMES");
        self.0.get(name).map(String::as_str)
    }

    /// Returns the value as a `T`, or `default` if it is not set. `expected` completes the sentence "NAME must be …".
    pub(super) fn parse<T: FromStr>(&self, name: &str, default: T, expected: &str) -> Result<T, ConfigError> {
        self.get(name)
            .map_or(Ok(default), |text| text.parse().map_err(|_| ConfigError::new(name, format!("must be {expected}"))))
    }

    /// Returns the parts of a comma list. Empty parts are skipped. The list is empty only if the variable is not set.
    ///
    /// # Errors
    /// If the value has commas only. To read it as "not set" would drop a check that the operator wants.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
        let parts: Vec<_> = parts.map(str::to_owned).collect();
        if parts.is_empty() {
            return Err(ConfigError::new(name, "must be a comma list with at least one value, or empty"));
        }
        Ok(parts)
    }

    /// Returns the names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_explains_every_variable_and_no_other() {
        let example = include_str!("../../../.env.example");
        let mut explained: Vec<_> = example
            .lines()
            .filter_map(|line| line.strip_prefix('#')?.split_once('='))
            .map(|(name, _)| name)
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
            .collect();
        explained.sort_unstable();
        assert_eq!(explained, NAMES);
    }
}
