//! `api migrate`: the schema of the database by hand.

use std::error::Error;

use clap::ValueEnum;
use service::{Schema, SchemaChange, SchemaOutcome};

use super::{cause, notice};
use crate::config::DatabaseConfig;

/// A change of the schema, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// Apply all pending migrations
    Up,
    /// Show which migrations are applied
    Status,
    /// Undo the last migration, and delete the data that it added; needs --yes
    Down,
    /// Distribute the tables by owner over the nodes of Citus; needs --yes
    Distribute,
}

/// Does a step. Returns a report for the operator.
///
/// # Errors
/// If the database fails, or if data would be deleted or moved and `is_confirmed` is not set.
pub(super) async fn run(
    config: &DatabaseConfig,
    step: Step,
    shards: u32,
    is_confirmed: bool,
) -> Result<String, Box<dyn Error>> {
    let schema = Schema::open(&config.connection(), notice).await.map_err(|error| cause("opened", &error))?;
    let done = change(&schema, step, shards, is_confirmed).await.map_err(|error| cause("migrated", &error));
    schema.close().await?;
    match done? {
        SchemaOutcome::Done(report) => Ok(report),
        SchemaOutcome::Unconfirmed(problem) => Err(problem.into()),
    }
}

async fn change(schema: &Schema, step: Step, shards: u32, is_confirmed: bool) -> Result<SchemaOutcome, service::Error> {
    match step {
        Step::Status => schema.status().await.map(SchemaOutcome::Done),
        Step::Up => schema.change(SchemaChange::Up(None), is_confirmed).await,
        Step::Down => schema.change(SchemaChange::Down(1), is_confirmed).await,
        Step::Distribute => schema.change(SchemaChange::Distribute(shards), is_confirmed).await,
    }
}
