//! Load: from wrk with load.lua, or, for people who mostly wait, from the program `people`.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::{Workload, built};
use crate::contender::Contender;
use crate::database::Population;
use crate::hoarder::Hoarder;
use crate::measurement::Measurement;
use crate::server::{Server, with_many_files};
use crate::tokens::Tokens;
use crate::usage;

/// As wrk has them if it is not told: one alone leaves a processor idle for a tenth of the time.
const THREADS: u32 = 2;

/// The load of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) workload: Workload,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    /// Where the random numbers begin.
    pub(crate) seed: u32,
    pub(crate) population: Population,
    pub(crate) tokens: &'a Tokens,
    /// For the file that tells load.lua.
    pub(crate) directory: &'a Path,
}

/// The line that both print.
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
    /// How long it takes: people who mostly wait need longer to be many.
    pub(crate) fn seconds(self) -> u32 {
        if self.workload.is_of_people() { 2 * self.seconds } else { self.seconds }
    }

    /// Drives it against a server, and looks at what it costs meanwhile.
    pub(crate) async fn measure(self, contender: &Contender, server: &Server) -> Measurement {
        contender.database.rest().await;
        let deletes = self.workload == Workload::Mixed || self.workload.is_of_people();
        let disposable = if deletes { contender.database.dispose_of(1000 + 1000 * self.seconds()).await } else { 0 };
        let world = World {
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
            disposable,
            readers: &self.tokens.readers,
            writers: &self.tokens.writers,
            disposer: &self.tokens.disposer,
        };
        let mut command = if self.workload.is_of_people() { self.people(&world) } else { self.wrk(&world) };
        let hoarder = if self.workload == Workload::Beside {
            contender.database.hoard().await;
            Some(Hoarder::start(world.host.clone(), self.tokens.hoarder.clone()))
        } else {
            None
        };

        let database_now = || contender.database.postmaster.map(usage::of_postgres);
        usage::forget_peak(server.pid());
        let now = || (usage::of_process(server.pid()), database_now(), usage::of_ended_children());
        let before = now();
        let printed = run(&mut command);
        let after = now();
        if let Some(hoarder) = hoarder {
            let lists = hoarder.stop();
            eprintln!("{lists} lists of {} tasks meanwhile", crate::database::HOARD);
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

    fn wrk(self, world: &World<'_>) -> Command {
        let file = self.directory.join("world.lua");
        let Ok(Value::Object(members)) = serde_json::to_value(world) else { panic!("a world is an object") };
        // Lua writes lists in braces; the rest is as in JSON, and no text here holds a bracket.
        let lua = |value: Value| value.to_string().replace('[', "{").replace(']', "}");
        let lines = members.into_iter().map(|(name, value)| format!("world.{name} = {}\n", lua(value)));
        std::fs::write(&file, lines.collect::<String>()).expect("a file can be written");
        let mut command = with_many_files(Path::new("wrk"));
        command
            .args(["--threads", &THREADS.to_string(), "--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds()), "--script"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("load.lua"))
            .args([&format!("http://{}", world.host), "--"])
            .arg(file);
        command
    }

    fn people(self, world: &World<'_>) -> Command {
        let file = self.directory.join("world.json");
        std::fs::write(&file, serde_json::to_vec(world).expect("JSON")).expect("a file can be written");
        let mut command = with_many_files(&built("people"));
        command.arg(file);
        command
    }
}

/// What load.lua and `people` are told.
#[derive(Serialize)]
struct World<'a> {
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
    disposable: i64,
    readers: &'a [String],
    writers: &'a [String],
    disposer: &'a str,
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
