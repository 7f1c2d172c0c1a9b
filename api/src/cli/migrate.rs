//! `api migrate`: the schema of the database by hand.

use std::error::Error;

use clap::ValueEnum;
use service::Schema;

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
}

/// Does a step. Returns a report for the operator.
///
/// # Errors
/// If the database fails, or if data would be deleted and `is_confirmed` is not set.
pub(super) async fn run(config: &DatabaseConfig, step: Step, is_confirmed: bool) -> Result<String, Box<dyn Error>> {
    let schema = Schema::open(&config.connection(), notice).await.map_err(|error| cause("opened", &error))?;
    let done = change(&schema, step, is_confirmed).await;
    schema.close().await?;
    done
}

async fn change(schema: &Schema, step: Step, is_confirmed: bool) -> Result<String, Box<dyn Error>> {
    let failed = |error: service::Error| cause("migrated", &error);
    let status = schema.status().await.map_err(failed)?;
    let is_applied = |wanted: bool| status.iter().filter(move |(_, applied)| *applied == wanted).map(|(name, _)| name);
    match step {
        Step::Status => {
            let line =
                |(name, applied): &(String, bool)| format!("{} {name}", if *applied { "applied" } else { "pending" });
            Ok(status.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Step::Up => {
            schema.up().await.map_err(failed)?;
            let lines: Vec<_> = is_applied(false).map(|name| format!("applied {name}")).collect();
            Ok(if lines.is_empty() { "nothing to do: all migrations are applied".to_owned() } else { lines.join("\n") })
        }
        Step::Down => {
            let Some(last) = is_applied(true).next_back() else {
                return Ok("nothing to do: no migration is applied".to_owned());
            };
            if !is_confirmed {
                let problem = format!("this undoes {last} and deletes the data that it added: repeat it with --yes");
                return Err(problem.into());
            }
            schema.down().await.map_err(failed)?;
            Ok(format!("undone {last}"))
        }
    }
}
