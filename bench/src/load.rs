//! The load: from wrk with load.lua, or from the program `users` for connections that mostly wait.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::{Workload, built};
use crate::database::{Database, LONG_LIST};
use crate::long_list_reader::LongListReader;
use crate::measurement::Measurement;
use crate::population::Population;
use crate::server::{Server, with_many_files};
use crate::tokens::Tokens;
use crate::usage;

/// The threads of wrk: its default. A single thread leaves a processor idle for a tenth of the time.
const THREADS: u32 = 2;

/// The load of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) workload: Workload,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    /// The seed of the random numbers.
    pub(crate) seed: u32,
    pub(crate) population: Population,
    pub(crate) tokens: &'a Tokens,
    /// The folder for the file with the scenario.
    pub(crate) directory: &'a Path,
}

/// The result line of both programs. Times are in microseconds.
#[derive(Deserialize)]
struct Printed {
    requests: f64,
    micros: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    refused: u64,
    broken: u64,
    late: u64,
}

impl Load<'_> {
    /// Returns the duration. Connections that mostly wait need longer for as many requests.
    pub(crate) fn seconds(self) -> u32 {
        if self.workload.mostly_waits() { 2 * self.seconds } else { self.seconds }
    }

    /// Runs the load against a server and measures what it uses.
    pub(crate) async fn measure(self, database: &Database, server: &Server) -> Measurement {
        database.rest().await;
        let deletes = self.workload == Workload::Mixed || self.workload.mostly_waits();
        let first_deletable = if deletes { database.add_deletable(1000 + 1000 * self.seconds()).await } else { 0 };
        let scenario = Scenario {
            workload: self.workload.name(),
            host: format!("127.0.0.1:{}", server.port),
            connections: self.connections,
            threads: THREADS,
            seconds: self.seconds(),
            seed: self.seed,
            users: self.population.users,
            tasks: self.population.tasks,
            task_step: self.population.task_step(),
            user_step: self.population.user_step(),
            first_deletable,
            readers: &self.tokens.readers,
            writers: &self.tokens.writers,
            deleter: &self.tokens.deleter,
        };
        let mut command = if self.workload.mostly_waits() { self.users(&scenario) } else { self.wrk(&scenario) };
        let reader = if self.workload == Workload::Beside {
            database.add_long_list().await;
            Some(LongListReader::start(scenario.host.clone(), self.tokens.long_list.clone()))
        } else {
            None
        };

        let database_now = || database.postmaster.map(usage::of_postgres);
        usage::forget_peak(server.pid());
        let now = || (usage::of_process(server.pid()), database_now(), usage::of_ended_children());
        let before = now();
        let printed = run(&mut command);
        let after = now();
        if let Some(reader) = reader {
            let lists = reader.stop();
            eprintln!("read {lists} lists of {LONG_LIST} tasks at the same time");
        }

        let count = printed.requests.max(1.0);
        Measurement {
            per_second: count * 1e6 / printed.micros,
            p50: Some(printed.p50 / 1000.0),
            p95: Some(printed.p95 / 1000.0),
            p99: Some(printed.p99 / 1000.0),
            errors: printed.refused + printed.broken + printed.late,
            load_micros: (after.2 - before.2) / count,
            server_micros: Some((after.0 - before.0) / count),
            database_micros: after.1.zip(before.1).map(|(after, before)| (after - before) / count),
            peak_mib: Some(usage::peak_mib(server.pid())),
        }
    }

    fn wrk(self, scenario: &Scenario<'_>) -> Command {
        let file = self.directory.join("scenario.lua");
        let Ok(Value::Object(members)) = serde_json::to_value(scenario) else { panic!("a scenario is an object") };
        // A list in Lua has braces. The rest is as in JSON, and no text here contains a bracket.
        let lua = |value: Value| value.to_string().replace('[', "{").replace(']', "}");
        let lines = members.into_iter().map(|(name, value)| format!("scenario.{name} = {}\n", lua(value)));
        std::fs::write(&file, lines.collect::<String>()).expect("a file can be written");
        let mut command = with_many_files(Path::new("wrk"));
        command
            .args(["--threads", &THREADS.to_string(), "--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds()), "--script"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("load.lua"))
            .args([&format!("http://{}", scenario.host), "--"])
            .arg(file);
        command
    }

    fn users(self, scenario: &Scenario<'_>) -> Command {
        let file = self.directory.join("scenario.json");
        std::fs::write(&file, serde_json::to_vec(scenario).expect("JSON")).expect("a file can be written");
        let mut command = with_many_files(&built("users"));
        command.arg(file);
        command
    }
}

/// The input of load.lua and of the program `users`.
#[derive(Serialize)]
struct Scenario<'a> {
    workload: &'static str,
    host: String,
    connections: u32,
    threads: u32,
    seconds: u32,
    seed: u32,
    users: u32,
    tasks: u32,
    task_step: u32,
    user_step: u32,
    first_deletable: i64,
    readers: &'a [String],
    writers: &'a [String],
    deleter: &'a str,
}

fn run(command: &mut Command) -> Printed {
    let output = command.stdin(Stdio::null()).output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    let printed = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let Some(printed) = printed.filter(|_| output.status.success()) else {
        panic!("no result (is wrk installed?): {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    serde_json::from_str(printed).expect("the result is JSON")
}
