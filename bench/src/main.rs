//! Measures the server beside a hand-written one (`limit`), the bare database (`floor`) and itself on SQLite.
//!
//! `just bench` builds the programs and runs this; docs/performance.md explains the numbers. Servers take turns within each
//! round, so that a disturbance of the machine affects all of them. The result is the ratio within a round.
//!
//! The subcommand `siege` (`just siege`) attacks the server instead, and measures the effect on other users.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed measurement must stop the run")]
#![expect(clippy::disallowed_methods, reason = "a measurement prepares the database with statements of its own")]

mod agreement;
mod arguments;
mod compare;
mod contender;
mod database;
mod floor;
mod load;
mod long_list_reader;
mod machine;
mod measurement;
mod population;
mod scale;
mod server;
mod setting;
mod siege;
mod table;
mod tokens;
mod usage;

use clap::Parser;

#[tokio::main]
async fn main() {
    let arguments = arguments::Arguments::parse();
    if let Some(arguments::Command::Siege(arguments)) = &arguments.command {
        println!("{}\n", machine::description());
        siege::run(arguments).await;
        return;
    }
    let cluster = database::Cluster::start();
    println!("{}\n", machine::description());
    if arguments.scale {
        scale::run(&arguments, &cluster).await;
    } else {
        compare::run(&arguments, &cluster).await;
    }
}
