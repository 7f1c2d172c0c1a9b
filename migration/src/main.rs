//! The schema's command line: `cargo run -p migration -- up | down | status | fresh | …`.

use std::process::ExitCode;

use clap::Parser;
use migration::{Address, DEFAULT_DATABASE_URL, Migrator, Tls, apply_pending, holds_only_ours, refuse_other_encodings};
use sea_orm_cli::MigrateSubcommands;
use sea_orm_migration::cli::run_migrate;
use sea_orm_migration::sea_orm::Database;

/// Sets up and changes the schema of the task database. Without a command, applies the pending migrations.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The database; `sqlite://FILE` or `postgres://…`
    #[arg(short = 'u', long, env = "DATABASE_URL", default_value = DEFAULT_DATABASE_URL, hide_env_values = true)]
    database_url: String,
    /// Replaces `DATABASE_URL` if it is set: the database without a connection pooler in between
    #[arg(long, env = "DATABASE_DIRECT_URL", hide_env_values = true)]
    database_direct_url: Option<String>,
    /// TLS of a connection to another machine: `verify`, `unverified` or `off`
    #[arg(long, env = "DATABASE_TLS", default_value = "verify")]
    database_tls: String,
    /// Show debug messages
    #[arg(short, long)]
    verbose: bool,
    #[command(subcommand)]
    command: Option<MigrateSubcommands>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The error is dropped: a missing `.env` is normal, and the error of a broken one would print its lines.
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
    // An empty variable counts as not set, as for the server.
    let urls = [cli.database_direct_url.as_deref().unwrap_or_default(), &cli.database_url, DEFAULT_DATABASE_URL];
    let url = urls.into_iter().map(str::trim).find(|url| !url.is_empty()).unwrap_or_default();
    let tls = match cli.database_tls.as_str() {
        "" => Tls::default(),
        text => text.parse().map_err(|()| "DATABASE_TLS must be verify, unverified or off")?,
    };
    let mut address = Address::parse(url, tls).map_err(|problem| format!("DATABASE_URL {problem}"))?;
    for notice in &address.notices {
        eprintln!("migration: {notice}");
    }
    let db = Database::connect(address.options.max_connections(1).clone()).await?;
    refuse_other_encodings(&db).await?;
    match cli.command {
        // Servers run this too, so it takes the lock that they take.
        None | Some(MigrateSubcommands::Up { num: None }) => apply_pending(&db).await?,
        Some(MigrateSubcommands::Fresh) if !holds_only_ours(&db).await? => {
            return Err(
                "`fresh` would drop every table of this database, and some are not this program's: drop them by hand \
                        if that is meant"
                    .into(),
            );
        }
        command => run_migrate(Migrator, &db, command, cli.verbose).await?,
    }
    Ok(())
}
