//! Logging with `log` and `env_logger`. No secret is logged, whatever `RUST_LOG` is set to.

mod json;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use log::{Level, Log, Metadata, Record};

use crate::config::LogFormat;

/// Drops the records of libraries below [`Level::Info`], because they contain secrets: SeaORM logs the database's address with
/// its password, the HTTP libraries log headers and bodies. Records of this project are logged at any level.
struct NoSecrets(env_logger::Logger);

/// Returns the crate of a record.
fn crate_of(target: &str) -> &str {
    target.split("::").next().unwrap_or_default()
}

/// The crates of this project that log.
const OURS: [&str; 3] = ["api", "service", "migration"];

/// Returns the most detailed level that is logged for a crate (the first part of a record's target).
fn most_detailed(name: &str) -> Level {
    match name {
        _ if OURS.contains(&name) => Level::Trace,
        // Its warnings about unknown parameters in the database's address contain their values.
        "sqlx" | "sqlx_core" | "sqlx_postgres"
        // Its records of requests contain ids and texts of clients, which could forge lines. Its spans are records of `tracing`.
        | "rmcp" | "tracing" => Level::Error,
        _ => Level::Info,
    }
}

impl Log for NoSecrets {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= most_detailed(crate_of(metadata.target())) && self.0.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) && !hold(record) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// A record that is held back.
struct Held {
    level: Level,
    target: String,
    text: String,
    fields: Vec<(String, serde_json::Value)>,
}

static IS_HOLDING: AtomicBool = AtomicBool::new(false);
static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

/// Holds a record back if records are held. Returns whether it is.
fn hold(record: &Record) -> bool {
    if !IS_HOLDING.load(Ordering::Acquire) {
        return false;
    }
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    // `release` may have come between.
    let holds = IS_HOLDING.load(Ordering::Acquire);
    if holds {
        held.push(Held {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
            fields: json::fields(record),
        });
    }
    holds
}

/// Writes the records that are held back, and those that follow at once. Their times are the time of this call.
pub fn release() {
    let held = {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        IS_HOLDING.store(false, Ordering::Release);
        std::mem::take(&mut *held)
    };
    for Held { level, target, text, fields } in held {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), json::value(value))).collect();
        let fields = fields.as_slice();
        let mut record = Record::builder();
        record.level(level).target(&target).key_values(&fields);
        log::logger().log(&record.args(format_args!("{text}")).build());
    }
}

/// Calls [`release`] when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Hold;

impl Drop for Hold {
    fn drop(&mut self) {
        release();
    }
}

/// Starts logging to standard error. The filter has the syntax of `RUST_LOG`. Records are held back until the result is dropped
/// or [`release`] is called, so that other lines come first.
///
/// # Errors
/// If logging has been started before.
pub fn start(filter: &str, format: LogFormat) -> Result<Hold, log::SetLoggerError> {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(filter).format_target(false);
    if format == LogFormat::Json {
        builder.format(json::write);
        // The default hook would write several lines of text.
        std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    }
    let logger = builder.build();
    log::set_max_level(logger.filter());
    IS_HOLDING.store(true, Ordering::Release);
    log::set_boxed_logger(Box::new(NoSecrets(logger)))?;
    Ok(Hold)
}
