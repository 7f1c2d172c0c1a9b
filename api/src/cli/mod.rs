//! The command line.

mod demo;
mod greeting;
mod health;
mod migrate;

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use clap::{Parser, Subcommand};
use service::UserId;

use self::greeting::{Launch, greeting};
use self::migrate::Step;
use crate::config::{AuthConfig, Config, ConfigError, DatabaseConfig, ServerConfig, Variables};
use crate::server::{Application, StopSignals, logging, resources, root_cause};
use crate::{auth, openapi, routes};

/// Task API: REST, multi-user, strict about ownership.
///
/// Without a command it serves. It is configured by environment variables, or by a file `.env` in the working directory
/// or above. `.env.example` explains all of them.
#[derive(Parser)]
#[command(name = "api", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve,
    /// Print a token for a user, to try the API
    Token {
        /// The user: the `sub` claim of the token
        user: String,
        /// How many hours the token is valid
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// Add example tasks for a user, to try lists, searches and filters
    Demo {
        /// The user: the `sub` claim of the token
        user: String,
        /// Add them even if the user has tasks
        #[arg(long)]
        more: bool,
    },
    /// Change the schema of the database by hand
    Migrate {
        /// What to do
        #[arg(value_enum, default_value = "up")]
        step: Step,
        /// The number of shards of each table for `distribute`; it cannot be changed here later
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=64_000))]
        shards: u32,
        /// Confirm that `down` may delete data, or that `distribute` may change keys and move data
        #[arg(long)]
        yes: bool,
    },
    /// Succeed if the server at HOST and PORT is ready, for the health check of a container
    Health,
    /// Print the OpenAPI document as YAML
    Openapi,
}

/// Runs the command of the command line.
///
/// # Errors
/// One sentence for the operator. It never contains a secret.
pub async fn run() -> Result<(), Box<dyn Error>> {
    match Cli::parse().command.unwrap_or(Command::Serve) {
        // The future is large.
        Command::Serve => Box::pin(serve(Config::load(&Variables::of_process()?)?)).await,
        Command::Token { user, hours } => {
            let config = Config::load(&Variables::of_process()?)?;
            let lifetime = Duration::from_secs(u64::from(hours) * 3600);
            let token = auth::issue(&config.auth, &UserId::parse(user)?, lifetime);
            print(&token.ok_or("there is no secret to sign with: BETTER_AUTH_SECRET is not set")??)
        }
        Command::Demo { user, more } => {
            let config = database()?;
            print(&demo::run(&config, UserId::parse(user)?, more).await?)
        }
        Command::Migrate { step, shards, yes } => {
            let config = database()?;
            print(&migrate::run(&config, step, shards, yes).await?)
        }
        Command::Health => print(&health::run(&ServerConfig::load(&Variables::of_process()?)?).await?),
        Command::Openapi => print(openapi::yaml().trim_end()),
    }
}

/// Reads the settings of the database for a command, and warns of names that are probably misspelt.
fn database() -> Result<DatabaseConfig, ConfigError> {
    let variables = Variables::of_process()?;
    variables.warnings().iter().for_each(|warning| notice(warning));
    DatabaseConfig::load(&variables)
}

/// How long the log is held back for the first lines on the terminal. A start that takes longer is explained by the log.
const LOG_DELAY: Duration = Duration::from_secs(3);

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let held_log = logging::start(&config.server.log_filter, config.server.log_format)?;
    tokio::spawn(async {
        tokio::time::sleep(LOG_DELAY).await;
        logging::release();
    });
    for notice in &config.notices {
        log::warn!("{notice}");
    }
    resources::raise_file_limit();
    resources::survive_file_size_limit()?;
    // Before the start, so that a signal during the start is not lost.
    let mut signals = StopSignals::listen()?;
    let token = token(&config.auth);
    let has_docs = config.server.docs;
    let application = tokio::select! {
        built = Application::build(config, routes::configure) => built?,
        () = signals.next() => {
            log::info!("stopped before the start was complete");
            return Ok(());
        }
    };
    print(&greeting(application.address(), has_docs, &token))?;
    drop(held_log);
    application.run_until(signals).await?;
    log::info!("stopped");
    Ok(())
}

/// Returns the token of a request to try: a command that prints one, if this server accepts such tokens.
fn token(config: &AuthConfig) -> String {
    if config.secrets.is_empty() {
        // Without a secret, only Better Auth can sign tokens.
        "TOKEN_OF_BETTER_AUTH".to_owned()
    } else {
        format!("$({})", Launch::of_this_process().token_command())
    }
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Prints a notice of a command, beside its result.
fn notice(text: &str) {
    eprintln!("{text}");
}

/// Returns the error of a command that works with the database.
fn cause(action: &str, error: &service::Error) -> String {
    format!("the database cannot be {action}: {}", root_cause(error))
}
