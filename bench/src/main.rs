//! Measures the server beside a hand-written one (`limit`), the bare database (`floor`) and itself on SQLite.
//!
//! `just bench` builds what is measured and runs this; docs/performance.md says what the numbers mean. Servers take turns
//! within each round, so that what disturbs the machine disturbs them all, and what counts is the ratio within a round.
#![expect(clippy::expect_used, clippy::panic, reason = "a measurement that goes wrong must stop, loudly")]
#![expect(clippy::disallowed_methods, reason = "a measurement prepares the database with statements of its own")]

mod agreement;
mod arguments;
mod compare;
mod contender;
mod database;
mod floor;
mod hoarder;
mod load;
mod machine;
mod measurement;
mod scale;
mod server;
mod table;
mod tokens;
mod usage;

use clap::Parser;

#[tokio::main]
async fn main() {
    let arguments = arguments::Arguments::parse();
    let cluster = database::Cluster::start();
    println!("{}\n", machine::description());
    if arguments.scale {
        scale::run(&arguments, &cluster).await;
    } else {
        compare::run(&arguments, &cluster).await;
    }
}
