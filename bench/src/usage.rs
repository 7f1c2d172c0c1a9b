//! Processor time and memory of processes, from Linux's /proc.

use std::fs;

/// Microseconds in one unit of /proc/PID/stat, which is 1/100 s on every Linux.
const MICROS: f64 = 10_000.0;

/// Returns the processor time that a process has used, in microseconds.
pub(crate) fn of_process(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |stat| MICROS * f64::from(stat.user + stat.system))
}

/// Returns the processor time of this program's children that have ended: those that sent the load.
pub(crate) fn of_ended_children() -> f64 {
    stat(std::process::id()).map_or(0.0, |stat| MICROS * f64::from(stat.children))
}

/// Returns the processor time of PostgreSQL's main process and all of its children, including those that have ended.
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
        // A process that ended during the count was counted twice, or not at all: count again.
        if ended() == before {
            return MICROS * f64::from(before + running);
        }
    }
}

/// Resets the memory peak of a process.
pub(crate) fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the peak of a child can be reset");
}

/// Returns the memory peak of a process since [`forget_peak`], in MiB.
pub(crate) fn peak_mib(pid: u32) -> f64 {
    memory(pid, "VmHWM:")
}

/// Returns the current memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    memory(pid, "VmRSS:")
}

/// Returns the memory that the children of a process do not share with others, in MiB.
pub(crate) fn private_mib_of_children(parent: u32) -> f64 {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent));
    children.filter_map(|pid| field(pid, "RssAnon:")).sum()
}

/// Returns the number of connections to a port of this machine over IPv4 that a process holds. A connection that the process has
/// closed stays in the table for up to a minute if its client does not close it, too.
pub(crate) fn connections_to(port: u16) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").expect("the table of connections");
    let local = format!(":{port:04X}");
    // The second field is the local address, the fourth the state (0A is LISTEN), and the tenth the inode, which is 0 if no
    // process holds the socket.
    let is_open = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(1).is_some_and(|address| address.ends_with(&local))
            && fields.get(3).is_some_and(|state| *state != "0A")
            && fields.get(9).is_some_and(|inode| *inode != "0")
    };
    table.lines().filter(is_open).count()
}

/// Returns the memory that the kernel uses for the TCP sockets of this machine, in MiB.
pub(crate) fn sockets_mib() -> f64 {
    let text = fs::read_to_string("/proc/net/sockstat").expect("the kernel's counts of sockets");
    let pages =
        text.lines().find_map(|line| line.strip_prefix("TCP:")?.rsplit_once("mem ")?.1.trim().parse::<u32>().ok());
    // A page has 4 KiB on most machines.
    f64::from(pages.unwrap_or_default()) / 256.0
}

fn memory(pid: u32, name: &str) -> f64 {
    field(pid, name).expect("the process runs")
}

/// Returns a size from /proc/PID/status in MiB, or `None` if the process has ended.
fn field(pid: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

struct Stat {
    parent: u32,
    user: u32,
    system: u32,
    /// User and system time of children that have ended.
    children: u32,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may contain any character.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(Stat { parent: number(1)?, user: number(11)?, system: number(12)?, children: number(13)? + number(14)? })
}
