//! The machine and the day of a measurement.

use std::process::Command;

/// Returns one line about the machine, the programs and the day.
pub(crate) fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let day = chrono::Utc::now().format("%Y-%m-%d");
    let pgbench = first_line("pgbench", "--version").replace("pgbench (PostgreSQL)", "PostgreSQL");
    let wrk = first_line("wrk", "--version");
    let wrk = wrk.split(" Copyright").next().unwrap_or_default();
    format!("{day}, {cores} cores ({}), Linux {}, {pgbench}, {wrk}", model.unwrap_or("unknown"), kernel.trim())
}

/// Returns the first line that a program prints, whether it succeeds or not.
fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
}
