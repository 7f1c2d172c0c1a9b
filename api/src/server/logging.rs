//! Logging with `log` and `env_logger`. No secret is logged, whatever `RUST_LOG` is set to.

use log::{Level, Log, Metadata, Record};

/// Drops the records of libraries below [`Level::Info`], because they contain secrets: SeaORM logs the database's address with
/// its password, the HTTP libraries log headers and bodies. Records of this project are logged at any level.
struct NoSecrets(env_logger::Logger);

/// The crates of this project that log.
const OURS: [&str; 3] = ["api", "service", "migration"];

/// Returns the most detailed level that is logged for a crate (the first part of a record's target).
fn most_detailed(name: &str) -> Level {
    match name {
        _ if OURS.contains(&name) => Level::Trace,
        // Its warnings about unknown parameters in the database's address contain their values.
        "sqlx" | "sqlx_core" | "sqlx_postgres" => Level::Error,
        _ => Level::Info,
    }
}

impl Log for NoSecrets {
    fn enabled(&self, metadata: &Metadata) -> bool {
        let name = metadata.target().split("::").next().unwrap_or_default();
        metadata.level() <= most_detailed(name) && self.0.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Starts logging to standard error. The filter has the syntax of `RUST_LOG`.
///
/// # Errors
/// If logging has been started before.
pub fn start(filter: &str) -> Result<(), log::SetLoggerError> {
    let logger = env_logger::Builder::new().parse_filters(filter).format_target(false).build();
    log::set_max_level(logger.filter());
    log::set_boxed_logger(Box::new(NoSecrets(logger)))
}
