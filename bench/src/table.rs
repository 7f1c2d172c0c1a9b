//! The result table, in Markdown.

use crate::measurement::{Measurement, median, ratio};

/// Prints the head of the table.
pub(crate) fn print_head() {
    println!(
        "| workload | connections | server | requests/s | × limit | × floor | p50 | p95 | p99 | errors | load µs | server µs | database µs | peak MiB |"
    );
    println!("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
}

/// Prints the rows of one workload, from each contender's name and rounds. A ratio is the median of the ratios within the rounds.
pub(crate) fn print_rows(workload: &str, connections: u32, contenders: &[(&str, Vec<Measurement>)]) {
    let rounds_of = |name: &str| contenders.iter().find(|(other, _)| *other == name).map(|(_, rounds)| rounds);
    let times = |rounds: &[Measurement], other: &str| {
        rounds_of(other).and_then(|other| ratio(rounds, other, |round| round.per_second))
    };
    for (name, rounds) in contenders {
        let middle = |of: fn(&Measurement) -> Option<f64>| median(rounds.iter().filter_map(of));
        let errors: u64 = rounds.iter().map(|round| round.errors).sum();
        let speed = thousands(middle(|round| Some(round.per_second)).unwrap_or_default());
        println!(
            "| {workload} | {connections} | {name} | {speed} | {} | {} | {} | {} | {} | {errors} | {} | {} | {} | {} |",
            number(times(rounds, "limit"), 2),
            number(times(rounds, "floor"), 2),
            number(middle(|round| round.p50), 1),
            number(middle(|round| round.p95), 1),
            number(middle(|round| round.p99), 1),
            number(middle(|round| Some(round.load_micros)), 0),
            number(middle(|round| round.server_micros), 0),
            number(middle(|round| round.database_micros), 0),
            number(middle(|round| round.peak_mib), 0),
        );
    }
}

/// Formats a number with this many decimals, or a dash if there is none.
pub(crate) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    match digits.len().checked_sub(3) {
        Some(at) if at > 0 => format!("{},{}", &digits[..at], &digits[at..]),
        _ => digits,
    }
}
