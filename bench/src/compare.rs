//! The comparison: every workload with every number of connections, in rounds in which the contenders take turns.

use crate::arguments::{Arguments, Skippable, Workload};
use crate::contender::Contender;
use crate::database::{Cluster, Database};
use crate::load::Load;
use crate::measurement::Measurement;
use crate::population::Population;
use crate::setting::Setting;
use crate::table;
use crate::tokens::Tokens;
use crate::usage;

/// A thousand users with twenty tasks each.
const POPULATION: Population = Population { users: 1000, tasks: 20, stride: 1, together: false };

/// The fewest connections for workloads that mostly wait: with fewer, their requests do not delay each other.
const MANY: u32 = 1000;

/// Measures all workloads and prints the tables.
pub(crate) async fn run(arguments: &Arguments, cluster: &Cluster) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let tokens = Tokens::new(POPULATION);
    let setting =
        Setting { population: POPULATION, tokens: &tokens, workers: arguments.workers, directory: directory.path() };
    let contenders = contenders(arguments, cluster, &setting).await;
    print_starts(&contenders);

    let load = |workload, connections, seconds, seed| Load {
        workload,
        connections,
        seconds,
        seed,
        population: POPULATION,
        tokens: &tokens,
        directory: directory.path(),
    };
    // A warm-up, which is not measured: it opens connections, prepares statements and reads pages.
    for contender in contenders.iter().filter(|contender| contender.server.is_some()) {
        contender.measure(load(Workload::Mixed, 64, 1, 0)).await;
    }
    table::print_head();
    for workload in arguments.workloads() {
        for &connections in &arguments.connections {
            if workload.mostly_waits() && connections < MANY {
                continue;
            }
            let mut turns: Vec<(&Contender, Vec<Measurement>)> =
                contenders.iter().filter(|contender| contender.takes(workload)).map(|one| (one, Vec::new())).collect();
            for round in 1..=arguments.rounds {
                for (contender, rounds) in &mut turns {
                    let measured = contender.measure(load(workload, connections, arguments.seconds, round)).await;
                    eprintln!(
                        "{} {connections} {round} {}: {:.0}/s",
                        workload.name(),
                        contender.name,
                        measured.per_second
                    );
                    rounds.push(measured);
                }
                // The first of this round is the last of the next one.
                turns.rotate_left(1);
            }
            turns.sort_by_key(|(one, _)| contenders.iter().position(|other| other.name == one.name));
            let rows: Vec<(&str, Vec<Measurement>)> =
                turns.into_iter().map(|(contender, rounds)| (contender.name.as_str(), rounds)).collect();
            table::print_rows(workload.name(), connections, &rows);
        }
    }
}

/// Creates the contenders. Each has a database of its own, so that the load of one does not affect another.
async fn contenders(arguments: &Arguments, cluster: &Cluster, setting: &Setting<'_>) -> Vec<Contender> {
    let api = &arguments.api;
    let mut contenders = vec![Contender::server("api", api, api, cluster.create("api").await, setting).await];
    for (number, (name, program)) in arguments.also.iter().enumerate() {
        let database = cluster.create(&format!("also_{number}")).await;
        contenders.push(Contender::server(name, program, program, database, setting).await);
    }
    if !arguments.skips(Skippable::Limit) {
        let database = cluster.create("yardstick").await;
        contenders.push(Contender::server("limit", &arguments.limit, api, database, setting).await);
    }
    if !arguments.skips(Skippable::Sqlite) {
        let database = Database::sqlite(setting.directory);
        contenders.push(Contender::server("api on SQLite", api, api, database, setting).await);
    }
    if !arguments.skips(Skippable::Floor) {
        // A server migrates this database and is then dropped: pgbench uses it directly.
        let Contender { database, .. } =
            Contender::server("floor", api, api, cluster.create("floor").await, setting).await;
        contenders.push(Contender { name: "floor".to_owned(), database, server: None });
    }
    contenders
}

fn print_starts(contenders: &[Contender]) {
    println!("| server | start to first answer, ms | idle MiB |");
    println!("|---|---:|---:|");
    for Contender { name, server, .. } in contenders {
        if let Some(server) = server {
            let (started, idle) = (server.started_in.as_secs_f64() * 1000.0, usage::resident_mib(server.pid()));
            println!("| {name} | {started:.0} | {idle:.0} |");
        }
    }
    println!();
}
