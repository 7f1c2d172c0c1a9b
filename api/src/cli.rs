//! The command line.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use clap::{Parser, Subcommand};
use service::UserId;

use crate::config::{Config, Variables};
use crate::server::{Application, StopSignals, logging, resources};
use crate::{auth, openapi, routes};

/// A task server: REST, multi-user, strict about ownership.
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
    /// Print the OpenAPI document as YAML
    Openapi,
}

/// Runs the command of the command line.
///
/// # Errors
/// One sentence for the operator. It never contains a secret.
pub async fn run() -> Result<(), Box<dyn Error>> {
    match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => serve(Config::load(&Variables::of_process()?)?).await,
        Command::Token { user, hours } => {
            let config = Config::load(&Variables::of_process()?)?;
            let lifetime = Duration::from_secs(u64::from(hours) * 3600);
            let token = auth::issue(&config.auth, &UserId::parse(user)?, lifetime);
            print(&token.ok_or("there is no secret to sign with: BETTER_AUTH_SECRET is not set")??)
        }
        Command::Openapi => print(openapi::yaml().trim_end()),
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    logging::start(&config.server.log_filter)?;
    for notice in &config.notices {
        log::warn!("{notice}");
    }
    resources::raise_file_limit();
    resources::survive_file_size_limit()?;
    // Before the start, so that a signal during the start is not lost.
    let mut signals = StopSignals::listen()?;
    let token = if config.auth.secrets.is_empty() {
        // Without a secret, only Better Auth can sign tokens.
        "TOKEN_OF_BETTER_AUTH"
    } else {
        "$(cargo run -qp api -- token alice)"
    };
    let has_docs = config.server.docs;
    let application = tokio::select! {
        built = Application::build(config, routes::configure) => built?,
        () = signals.next() => {
            log::info!("stopped before the start was complete");
            return Ok(());
        }
    };
    let address = application.address();
    let docs = if has_docs { format!("http://{address}/docs") } else { "turned off (DOCS=false)".to_owned() };
    print(&format!(
        "Listening on http://{address}\n\
         Documentation: {docs}\n\
         Try it:        curl -H \"Authorization: Bearer {token}\" http://{address}/api/tasks"
    ))?;
    application.run_until(signals).await?;
    log::info!("stopped");
    Ok(())
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
