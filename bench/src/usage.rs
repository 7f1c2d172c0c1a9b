//! What processes used, as Linux tells it in /proc.

use std::fs;

/// The unit of /proc/PID/stat is 1/100 s on every Linux.
const MICROS: f64 = 10_000.0;

/// The microseconds on processors that a process has used.
pub(crate) fn of_process(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |stat| MICROS * f64::from(stat.user + stat.system))
}

/// Those of this program's children that have ended: wrk and pgbench.
pub(crate) fn of_ended_children() -> f64 {
    stat(std::process::id()).map_or(0.0, |stat| MICROS * f64::from(stat.children))
}

/// Those of PostgreSQL's first process and all that it started, those that have ended included.
pub(crate) fn of_postgres(postmaster: u32) -> f64 {
    let ended = || stat(postmaster).map_or(0, |stat| stat.children);
    loop {
        let before = ended();
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let running: u32 = pids
            .filter_map(|pid| Some((pid, stat(pid)?)))
            .filter(|(pid, stat)| *pid == postmaster || stat.parent == postmaster)
            .map(|(_, stat)| stat.user + stat.system)
            .sum();
        // One that ended meanwhile was counted twice, or not at all.
        if ended() == before {
            return MICROS * f64::from(before + running);
        }
    }
}

/// Forgets how much memory a process has had at most.
pub(crate) fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the peak of a child can be reset");
}

/// The most memory that a process has had since, in MiB.
pub(crate) fn peak_mib(pid: u32) -> f64 {
    memory(pid, "VmHWM:")
}

/// The memory that a process has now, in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("Linux tells");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024.0
}

struct Stat {
    parent: u32,
    user: u32,
    system: u32,
    /// User and system, of children that have ended.
    children: u32,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name, which may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(Stat { parent: number(1)?, user: number(11)?, system: number(12)?, children: number(13)? + number(14)? })
}
