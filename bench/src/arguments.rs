//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

/// How fast the server is, beside the best that this machine can do.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// How long one measurement takes; `users` and `beside` take twice as long.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Only these workloads.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,
    /// Connections at a time. `users` and `beside` run only from 1,000 on: below, nobody would be waiting for anybody.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1000])]
    pub(crate) connections: Vec<u32>,
    /// Leaves these out.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) skip: Vec<Skippable>,
    /// The server to measure.
    #[arg(long, default_value_os_t = built("api"))]
    pub(crate) api: PathBuf,
    /// The hand-written server.
    #[arg(long, default_value_os_t = built("limit"))]
    pub(crate) limit: PathBuf,
    /// Another build of the server that takes its turns too, as NAME=PATH: did a change pay?
    #[arg(long, value_parser = name_and_path)]
    pub(crate) also: Vec<(String, PathBuf)>,
    /// Threads of each server; 0 for one a processor.
    #[arg(long, default_value_t = 0)]
    pub(crate) workers: u32,
    /// Instead: does a request cost the same with 10,000 rows and with many more?
    #[arg(long)]
    pub(crate) scale: bool,
    /// How many more.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    pub(crate) scale_rows: u32,
    /// With the rows of each user side by side, and not far apart.
    #[arg(long, requires = "scale")]
    pub(crate) together: bool,
}

/// What is asked of a server, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// One task.
    Get,
    /// A user's 20 tasks.
    List,
    /// A new task.
    Create,
    /// A new title and state of a task.
    Update,
    /// A task's state, flipped.
    Toggle,
    /// 60 % list, 15 % get, 10 % create, 10 % toggle, 4 % update, 1 % delete.
    Mixed,
    /// The same from people who wait between half a second and one and a half.
    Users,
    /// The same people, while another one reads a list of 100,000 tasks, again and again.
    Beside,
}

/// Who may be left out.
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
    /// Whether it comes from people who mostly wait.
    pub(crate) const fn is_of_people(self) -> bool {
        matches!(self, Self::Users | Self::Beside)
    }

    /// Its name in tables, and in load.lua.
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
    /// The workloads that were asked for.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = Workload> {
        let all = Workload::value_variants().iter().copied();
        all.filter(|workload| self.only.is_empty() || self.only.contains(workload))
    }

    pub(crate) fn skips(&self, what: Skippable) -> bool {
        self.skip.contains(&what)
    }
}

/// Where a release build puts a program: beside the folder of this one.
pub(crate) fn built(program: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let target = this.parent().and_then(Path::parent).expect("this program is in a build's folder");
    target.join("release").join(program)
}

fn name_and_path(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("it is NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}
