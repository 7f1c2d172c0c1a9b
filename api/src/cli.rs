//! The command line.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use clap::{Parser, Subcommand};
use service::UserId;

use crate::config::{Config, Variables};
use crate::server::app::{Application, StopSignals};
use crate::server::logging;
use crate::{auth, openapi};

/// A task server: REST, multi-user, strict about ownership.
///
/// Without a command it serves. It is configured by environment variables, or by a file `.env` in the working directory
/// or above; `.env.example` explains them all.
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
    /// Print a token for a user, to try the API with
    Token {
        /// Whose token: the `sub` claim
        user: String,
        /// For how many hours it is valid
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// Print the OpenAPI document as YAML
    Openapi,
}

/// Does what the command line says.
///
/// # Errors
/// With one sentence for whoever typed the command; it never holds a secret.
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
    logging::start(&config.log_filter)?;
    for notice in &config.notices {
        log::warn!("{notice}");
    }
    // From the first moment on: a signal during the start is not lost.
    let mut signals = StopSignals::listen()?;
    let token = if config.auth.secrets.is_empty() {
        // Only its keys are known here: nobody but Better Auth can sign.
        "TOKEN_OF_BETTER_AUTH"
    } else {
        "$(cargo run -qp api -- token alice)"
    };
    let application = tokio::select! {
        built = Application::build(config) => built?,
        () = signals.next() => {
            log::info!("stopped before it had started");
            return Ok(());
        }
    };
    let address = application.address();
    print(&format!(
        "Listening on http://{address}\n\
         Documentation: http://{address}/docs\n\
         Try it:        curl -H \"Authorization: Bearer {token}\" http://{address}/api/tasks"
    ))?;
    application.run_until(signals).await?;
    log::info!("stopped");
    Ok(())
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
