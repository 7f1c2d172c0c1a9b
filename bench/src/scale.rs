//! The cost of a request with 10,000 rows in the table and with many more, measured in turns.

use crate::arguments::{Arguments, Workload};
use crate::contender::Contender;
use crate::database::Cluster;
use crate::load::Load;
use crate::measurement::{Measurement, median, ratio};
use crate::population::Population;
use crate::setting::Setting;
use crate::table::number;
use crate::tokens::Tokens;

const USERS: u32 = 500;
const TASKS: u32 = 20;

/// Measures and prints the table.
pub(crate) async fn run(arguments: &Arguments, cluster: &Cluster) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let small = Population { users: USERS, tasks: TASKS, stride: 1, together: arguments.together };
    let large = Population { stride: arguments.scale_rows / small.rows() + 1, ..small };
    let tokens = Tokens::new(small);
    let mut sizes = Vec::new();
    for (name, population) in [("small", small), ("large", large)] {
        let setting = Setting { population, tokens: &tokens, workers: arguments.workers, directory: directory.path() };
        let (api, database) = (&arguments.api, cluster.create(name).await);
        sizes.push((Contender::server(name, api, api, database, &setting).await, population));
    }
    println!(
        "CPU microseconds a request, server + database, with {} and {} rows in the table:\n",
        small.rows(),
        large.rows()
    );
    println!("| workload | few rows | many rows | many : few |");
    println!("|---|---:|---:|---:|");
    let of_interest = [Workload::Get, Workload::List, Workload::Create];
    for workload in arguments.workloads().filter(|workload| of_interest.contains(workload)) {
        let mut measured: [Vec<Measurement>; 2] = Default::default();
        // The first round is a warm-up and does not count.
        for round in 0..=arguments.rounds {
            for ((contender, population), rounds) in sizes.iter().zip(&mut measured) {
                let load = Load {
                    workload,
                    connections: 64,
                    seconds: arguments.seconds,
                    seed: round,
                    population: *population,
                    tokens: &tokens,
                    directory: directory.path(),
                };
                let measurement = contender.measure(load).await;
                eprintln!("{} {round} {}: {:.0} µs", workload.name(), contender.name, cost(&measurement));
                assert_eq!(measurement.errors, 0, "{}: errors", workload.name());
                if round > 0 {
                    rounds.push(measurement);
                }
            }
        }
        let [few, many] = &measured;
        let middle = |rounds: &[Measurement]| number(median(rounds.iter().map(cost)), 0);
        let times = number(ratio(many, few, cost), 2);
        println!("| {} | {} | {} | {times} |", workload.name(), middle(few), middle(many));
    }
}

fn cost(measurement: &Measurement) -> f64 {
    measurement.server_micros.unwrap_or_default() + measurement.database_micros.unwrap_or_default()
}
