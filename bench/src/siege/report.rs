//! The table of the attacks, in Markdown.

use super::attack::Attack;
use super::neighbours::ClientResults;
use super::probe::Health;
use super::target::Counts;

/// The connections that a server may have with the default settings: those of its pool, and one of its own probe.
pub(super) const CONNECTIONS: i64 = 17;

/// How much more memory than before an attack the server, or PostgreSQL, may need, in MiB.
const MEMORY: f64 = 350.0;

/// The p99 in milliseconds that is always good enough.
const P99: f64 = 50.0;

/// What was measured of one attack.
pub(super) struct Row {
    pub(super) database: &'static str,
    pub(super) attack: Attack,
    pub(super) idle: ClientResults,
    pub(super) attacked: ClientResults,
    pub(super) health: Health,
    /// `None` on SQLite.
    pub(super) postgres: Option<Postgres>,
    /// The server's memory, or `None` if it has ended.
    pub(super) memory: Option<Memory>,
    /// The slow clients' connections that are open at the end of the attack.
    pub(super) left: Option<usize>,
    pub(super) answers: Counts,
}

/// What was measured of PostgreSQL.
pub(super) struct Postgres {
    pub(super) connections: i64,
    /// Statements that are still running a second after the attack.
    pub(super) still_running: i64,
    /// The private memory of its processes before the attack and at most, in MiB.
    pub(super) before_mib: f64,
    pub(super) peak_mib: f64,
}

/// The memory of the server before the attack, at most, and after it, in MiB.
pub(super) struct Memory {
    pub(super) before: f64,
    pub(super) peak: f64,
    pub(super) after: f64,
}

/// Prints the head of the table.
pub(super) fn print_head() {
    println!(
        "Times in ms: p50 / p99 / most. A pool has 16 connections. Memory in MiB: before / most / after; sockets are the server's. \
         Probes: checks, failed live, failed ready, slowest.\n"
    );
    println!(
        "| database | attack | idle | attacked | × p99 | failed | connections | still running | server MiB | PostgreSQL MiB | \
         probes | sockets left | answers to the attacker | verdict |"
    );
    println!("|---|---|---|---|---:|---|---:|---:|---|---|---|---:|---|---|");
}

impl Row {
    pub(super) fn print(&self) {
        let times = |results: &ClientResults| {
            format!("{:.1} / {:.1} / {:.0}", results.quantile(0.5), results.quantile(0.99), results.quantile(1.0))
        };
        let dash = || "–".to_owned();
        let postgres = |text: fn(&Postgres) -> String| self.postgres.as_ref().map_or_else(dash, text);
        let failures = &self.attacked.failures;
        let failed = match failures.sum() {
            0 => format!("0 of {}", self.attacked.requests()),
            _ => format!("{} of {} ({failures})", failures.sum(), self.attacked.requests()),
        };
        let Health { checks, not_live, not_ready, slowest_millis } = self.health;
        println!(
            "| {} | {} | {} | {} | {:.1} | {failed} | {} | {} | {} | {} | {checks}, {not_live}, {not_ready}, {slowest_millis:.0} ms | \
             {} | {} | {} |",
            self.database,
            self.attack.name(),
            times(&self.idle),
            times(&self.attacked),
            self.attacked.quantile(0.99) / self.idle.quantile(0.99),
            postgres(|it| it.connections.to_string()),
            postgres(|it| it.still_running.to_string()),
            self.memory.as_ref().map_or_else(
                || "ended".to_owned(),
                |Memory { before, peak, after }| format!("{before:.0} / {peak:.0} / {after:.0}")
            ),
            postgres(|it| format!("{:.0} / {:.0}", it.before_mib, it.peak_mib)),
            self.left.map_or_else(dash, |left| left.to_string()),
            self.answers,
            self.verdict(),
        );
    }

    /// Returns `pass`, or the names of all that was exceeded.
    fn verdict(&self) -> String {
        let postgres = self.postgres.as_ref();
        let grew_too_far = |before: f64, peak: f64| peak - before > MEMORY;
        let p99 = self.attacked.quantile(0.99);
        let exceeded = [
            ("p99", p99 > P99.max(3.0 * self.idle.quantile(0.99))),
            ("failures", self.attacked.failures.sum() > 0),
            ("connections", postgres.is_some_and(|it| it.connections > CONNECTIONS)),
            ("memory", self.memory.as_ref().is_some_and(|it| grew_too_far(it.before, it.peak))),
            ("PostgreSQL's memory", postgres.is_some_and(|it| grew_too_far(it.before_mib, it.peak_mib))),
            ("probes", self.health.not_live + self.health.not_ready > 0),
            ("sockets", self.attack == Attack::SlowReaders && self.left.is_some_and(|left| left > 0)),
            ("ended", self.memory.is_none()),
        ];
        let names: Vec<&str> = exceeded.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        if names.is_empty() { "pass".to_owned() } else { format!("**{}**", names.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(idle: f64, attacked: f64) -> Row {
        let results = |millis| ClientResults { millis: vec![millis], failures: Counts::default() };
        Row {
            database: "sqlite",
            attack: Attack::SlowReaders,
            idle: results(idle),
            attacked: results(attacked),
            health: Health { checks: 1, ..Health::default() },
            postgres: None,
            memory: Some(Memory { before: 20.0, peak: 370.0, after: 370.0 }),
            left: None,
            answers: Counts::default(),
        }
    }

    #[test]
    fn a_slow_answer_is_allowed_up_to_50_ms_or_three_times_idle() {
        assert_eq!(row(1.0, 49.0).verdict(), "pass");
        assert_eq!(row(20.0, 59.0).verdict(), "pass");
        assert_eq!(row(1.0, 51.0).verdict(), "**p99**");
        assert_eq!(row(20.0, 61.0).verdict(), "**p99**");
    }

    #[test]
    fn the_verdict_names_all_that_was_exceeded() {
        let mut row = row(1.0, 1.0);
        row.memory = Some(Memory { before: 20.0, peak: 371.0, after: 20.0 });
        row.left = Some(1);
        row.attacked.failures.add("503");
        row.health.not_ready = 1;
        row.postgres = Some(Postgres { connections: 18, still_running: 0, before_mib: 0.0, peak_mib: 350.0 });
        assert_eq!(row.verdict(), "**failures, connections, memory, probes, sockets**");
        row.memory = None;
        assert_eq!(row.verdict(), "**failures, connections, probes, sockets, ended**");
    }
}
