//! Logs through `log` and `env_logger`, with one rule on top: no secret, whatever `RUST_LOG` says.

use log::{Level, Log, Metadata, Record};

/// What is logged when `RUST_LOG` says nothing: not the HTTP library's start, nor that a client sent it garbage.
pub const DEFAULT_FILTER: &str = "info,actix_http=off,actix_server=warn";

/// Libraries print what they work on at their finer levels: SeaORM the database's address with its password, the HTTP
/// stack headers and bodies. So their records are only passed on at [`Level::Info`] and above; our own at any level.
struct NoSecrets(env_logger::Logger);

const OURS: [&str; 3] = ["api", "service", "migration"];

/// The finest level at which this module (the first part of a record's target) may speak.
fn finest(module: &str) -> Level {
    match module {
        _ if OURS.contains(&module) => Level::Trace,
        // It warns of parameters in the database's address that it does not know, with their values.
        "sqlx" | "sqlx_core" | "sqlx_postgres" => Level::Error,
        _ => Level::Info,
    }
}

impl Log for NoSecrets {
    fn enabled(&self, metadata: &Metadata) -> bool {
        let module = metadata.target().split("::").next().unwrap_or_default();
        metadata.level() <= finest(module) && self.0.enabled(metadata)
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

/// Starts logging to standard error with this filter, in the syntax of `RUST_LOG`.
///
/// # Errors
/// When a logger is already there.
pub fn start(filter: &str) -> Result<(), log::SetLoggerError> {
    let logger = env_logger::Builder::new().parse_filters(filter).format_target(false).build();
    log::set_max_level(logger.filter());
    log::set_boxed_logger(Box::new(NoSecrets(logger)))
}
