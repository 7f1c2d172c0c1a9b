//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

use crate::siege;

/// Measures the server, compared with the best that this machine can do.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Seconds of one measurement; `users` and `beside` take twice as long.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Number of rounds; each server has one turn per round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Run only these workloads.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,
    /// Numbers of connections. `users` and `beside` run only from 1,000 on: with fewer, their requests do not delay each other.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1000])]
    pub(crate) connections: Vec<u32>,
    /// Leave out these contenders.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) skip: Vec<Skippable>,
    /// The server to measure.
    #[arg(long, default_value_os_t = built("api"))]
    pub(crate) api: PathBuf,
    /// The hand-written server.
    #[arg(long, default_value_os_t = built("limit"))]
    pub(crate) limit: PathBuf,
    /// Another build of the server to compare with, as NAME=PATH; may be repeated.
    #[arg(long, value_parser = name_and_path)]
    pub(crate) also: Vec<(String, PathBuf)>,
    /// Threads of each server; 0 for one per processor.
    #[arg(long, default_value_t = 0)]
    pub(crate) workers: u32,
    /// Instead, compare the cost of a request with 10,000 rows and with many more.
    #[arg(long)]
    pub(crate) scale: bool,
    /// Number of rows of the larger table.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    pub(crate) scale_rows: u32,
    /// Place the rows of each user side by side instead of far apart.
    #[arg(long, requires = "scale")]
    pub(crate) together: bool,
}

/// What to do instead of the comparison.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Siege(siege::Arguments),
}

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Gets one task.
    Get,
    /// Lists a user's 20 tasks.
    List,
    /// Creates a task.
    Create,
    /// Updates the title and the state of a task.
    Update,
    /// Toggles the state of a task.
    Toggle,
    /// 60 % list, 15 % get, 10 % create, 10 % toggle, 4 % update, 1 % delete.
    Mixed,
    /// The same from connections that wait 0.5 to 1.5 seconds between their requests.
    Users,
    /// The same, while another client reads a list of 100,000 tasks repeatedly.
    Beside,
}

/// A contender that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Skippable {
    /// The hand-written server.
    Limit,
    /// The server on SQLite.
    Sqlite,
    /// The bare database.
    Floor,
}

impl Workload {
    /// Whether its connections mostly wait.
    pub(crate) const fn mostly_waits(self) -> bool {
        matches!(self, Self::Users | Self::Beside)
    }

    /// Returns its name in tables and in load.lua.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Toggle => "toggle",
            Self::Mixed => "mixed",
            Self::Users => "users",
            Self::Beside => "beside",
        }
    }
}

impl Arguments {
    /// Returns the selected workloads.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = Workload> {
        let all = Workload::value_variants().iter().copied();
        all.filter(|workload| self.only.is_empty() || self.only.contains(workload))
    }

    pub(crate) fn skips(&self, contender: Skippable) -> bool {
        self.skip.contains(&contender)
    }
}

/// Returns the path of a program of the release build, which is in the folder beside that of this program.
pub(crate) fn built(program: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let target = this.parent().and_then(Path::parent).expect("this program is in a build's folder");
    target.join("release").join(program)
}

fn name_and_path(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}
