//! The options of the subcommand.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::attack::Attack;
use crate::arguments::built;

/// Attacks the server as one user and measures how other users are affected.
///
/// Eight clients of eight other users send a mixed load of gets, lists of 20, creates and toggles, each with a pause of 5 ms
/// between its requests. They are measured idle and then under each attack, on a server that is started for that attack. A load
/// balancer's probe requests /health/live and /health/ready ten times a second, each time on a new connection. The database has
/// 5,000 users with 20 tasks each, and one attacker with 1,000,000 tasks (100,000 on SQLite). The servers have no rate limits.
///
/// The verdict is `pass` if no request of the others and no probe fails, their p99 is at most three times that of idle or 50 ms,
/// PostgreSQL has at most the connections of the pool and one for the server's own probe, the server and PostgreSQL's processes
/// need at most 350 MiB more, each, than before, and slow readers are disconnected. What the kernel holds for sockets counts as
/// the server's memory. Otherwise the verdict names what failed or was exceeded.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The server to attack.
    #[arg(long, default_value_os_t = built("api"))]
    pub(super) api: PathBuf,
    /// Use only this database; may be repeated.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) database: Vec<Kind>,
    /// Run only this attack; may be repeated.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) only: Vec<Attack>,
    /// Seconds of an attack. Summaries and hang-ups take at least 15 s, slow heads at least 20 s, and slow readers 40 s.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seconds: u64,
    /// Number of slow readers.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) slow_readers: u32,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Postgres,
    Sqlite,
}

impl Arguments {
    /// Whether this database is selected.
    pub(super) fn uses(&self, kind: Kind) -> bool {
        self.database.is_empty() || self.database.contains(&kind)
    }

    /// Returns the selected attacks.
    pub(super) fn attacks(&self) -> impl Iterator<Item = Attack> {
        let all = Attack::value_variants().iter().copied();
        all.filter(|attack| self.only.is_empty() || self.only.contains(attack))
    }
}
