//! The schema's command line: `cargo run -p migration -- up | down | status | fresh | …`.

use std::process::ExitCode;

use clap::Parser;
use migration::{DEFAULT_DATABASE_URL, Migrator, apply_pending, prepare};
use sea_orm_cli::MigrateSubcommands;
use sea_orm_migration::cli::run_migrate;
use sea_orm_migration::sea_orm::{ConnectOptions, Database};

/// Sets up and changes the schema of the task database. Without a command: applies what is pending.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The database; `sqlite://FILE` or `postgres://…`
    #[arg(short = 'u', long, env = "DATABASE_URL", default_value = DEFAULT_DATABASE_URL, hide_env_values = true)]
    database_url: String,
    /// Show debug messages
    #[arg(short, long)]
    verbose: bool,
    #[command(subcommand)]
    command: Option<MigrateSubcommands>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // A missing `.env` is the normal case, and the errors of a broken one would print its lines.
    let _ = dotenvy::dotenv();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("migration: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn std::error::Error>> {
    // A variable that is set and empty is one that is not set, as for the server.
    let url = Some(cli.database_url.trim()).filter(|url| !url.is_empty()).unwrap_or(DEFAULT_DATABASE_URL);
    prepare(url).map_err(|problem| format!("DATABASE_URL {problem}"))?;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(true))
        .map_sqlx_postgres_opts(|postgres| postgres.extra_float_digits(None));
    let db = Database::connect(options).await?;
    match cli.command {
        // The command that servers run too takes the lock that they take.
        None | Some(MigrateSubcommands::Up { num: None }) => apply_pending(&db).await?,
        command => run_migrate(Migrator, &db, command, cli.verbose).await?,
    }
    Ok(())
}
