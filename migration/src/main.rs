//! The schema's command line: `cargo run -p migration -- up | down | status | fresh | distribute | …`.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use migration::{
    Address, DEFAULT_DATABASE_URL, EnvFile, SchemaChange, SchemaOutcome, Tls, change_schema, innermost,
    refuse_other_encodings, status_report,
};
use sea_orm_migration::sea_orm::{Database, DbErr};
use sqlx::{Connection, PgConnection};

/// Sets up and changes the schema of the task database. Without a command, applies the pending migrations.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The database; `sqlite://FILE` or `postgres://…`
    #[arg(short = 'u', long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Replaces `DATABASE_URL` if it is set: the database without a connection pooler in between
    #[arg(long, env = "DATABASE_DIRECT_URL", hide_env_values = true)]
    database_direct_url: Option<String>,
    /// TLS of a connection to another machine: `verify`, `unverified` or `off`
    #[arg(long, env = "DATABASE_TLS")]
    database_tls: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Apply the pending migrations (the default)
    Up {
        /// At most this many
        #[arg(short, long)]
        num: Option<u32>,
    },
    /// Show which migrations are applied
    Status,
    /// Undo the last migration, and delete the data that it added
    Down {
        /// How many are undone
        #[arg(short, long, default_value_t = 1)]
        num: u32,
        /// Confirm that data is deleted
        #[arg(long)]
        yes: bool,
    },
    /// Undo all migrations, and delete all data
    Reset {
        /// Confirm that data is deleted
        #[arg(long)]
        yes: bool,
    },
    /// Undo all migrations, delete all data, and apply the migrations again
    Refresh {
        /// Confirm that data is deleted
        #[arg(long)]
        yes: bool,
    },
    /// Drop all tables, and apply all migrations
    Fresh {
        /// Confirm that data is deleted
        #[arg(long)]
        yes: bool,
    },
    /// Distribute the tables by owner over the nodes of Citus
    Distribute {
        /// The number of shards of each table; it cannot be changed here later
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=64_000))]
        shards: u32,
        /// Confirm that keys are changed and data is moved
        #[arg(long)]
        yes: bool,
        /// Use partitions of PostgreSQL in place of Citus, for tests
        #[arg(long, hide = true)]
        partitions: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("migration: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command. Returns a report for the operator.
async fn run(cli: Cli) -> Result<String, Box<dyn Error>> {
    let file = EnvFile::find()?;
    // The environment takes precedence over the file. An empty value counts as not set, as for the server.
    let setting = |given: Option<String>, name: &str| {
        let value = given.or_else(|| file.as_ref()?.get(name).map(str::to_owned)).unwrap_or_default();
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let direct = setting(cli.database_direct_url, "DATABASE_DIRECT_URL").map(|url| ("DATABASE_DIRECT_URL", url));
    let (variable, url) = direct.unwrap_or_else(|| {
        let url = setting(cli.database_url, "DATABASE_URL");
        ("DATABASE_URL", url.unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned()))
    });
    let tls = setting(cli.database_tls, "DATABASE_TLS").map_or(Ok(Tls::default()), |text| text.parse());
    let tls = tls.map_err(|()| "DATABASE_TLS must be verify, unverified or off")?;
    let mut address = Address::parse(&url, tls).map_err(|problem| format!("{variable} {problem}"))?;
    for notice in &address.notices {
        eprintln!("migration: {notice}");
    }
    let place = address.place.clone();
    let named = |error: DbErr| format!("{variable} ({place}): {}", innermost(&error));
    if let Some(postgres) = &address.postgres {
        // The pool would try for 30 seconds, and then report a timeout instead of the cause.
        let connection = PgConnection::connect_with(postgres).await;
        let connection = connection.map_err(|error| format!("{variable} ({place}): {error}"))?;
        // It was opened only for this check, so an error while it closes does not matter.
        let _ = connection.close().await;
    }
    let db = Database::connect(address.options.max_connections(1).clone()).await.map_err(named)?;
    refuse_other_encodings(&db).await.map_err(named)?;
    let (change, is_confirmed) = match cli.command.unwrap_or(Command::Up { num: None }) {
        Command::Status => return status_report(&db).await.map_err(|error| named(error).into()),
        Command::Up { num } => (SchemaChange::Up(num), true),
        Command::Down { num, yes } => (SchemaChange::Down(num), yes),
        Command::Reset { yes } => (SchemaChange::Reset, yes),
        Command::Refresh { yes } => (SchemaChange::Refresh, yes),
        Command::Fresh { yes } => (SchemaChange::Fresh, yes),
        Command::Distribute { shards, yes, partitions: false } => (SchemaChange::Distribute(shards), yes),
        Command::Distribute { shards, yes, partitions: true } => (SchemaChange::Partition(shards), yes),
    };
    match change_schema(&db, change, is_confirmed).await.map_err(named)? {
        SchemaOutcome::Done(report) => Ok(report),
        SchemaOutcome::Unconfirmed(problem) => Err(problem.into()),
    }
}
