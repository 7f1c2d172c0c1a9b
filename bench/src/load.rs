//! Load from wrk, with load.lua.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;

use crate::arguments::Workload;
use crate::contender::Contender;
use crate::database::Population;
use crate::measurement::Measurement;
use crate::server::{Server, with_many_files};
use crate::tokens::Tokens;
use crate::usage;

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

/// The line that load.lua prints.
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
        if self.workload == Workload::Users { 2 * self.seconds } else { self.seconds }
    }

    /// One thread sends more than any server here answers; but many timers are too many for one.
    fn threads(self) -> u32 {
        if self.connections > 2000 { 4 } else { 1 }
    }

    /// Drives it against a server, and looks at what it costs meanwhile.
    pub(crate) async fn measure(self, contender: &Contender, server: &Server) -> Measurement {
        contender.database.rest().await;
        let deletes = matches!(self.workload, Workload::Mixed | Workload::Users);
        let disposable = if deletes { contender.database.dispose_of(1000 + 1000 * self.seconds()).await } else { 0 };
        let world = self.directory.join("world.lua");
        std::fs::write(&world, self.world(server.port, disposable)).expect("a file can be written");

        let database_now = || contender.database.postmaster.map(usage::of_postgres);
        usage::forget_peak(server.pid());
        let now = || (usage::of_process(server.pid()), database_now(), usage::of_ended_children());
        let before = now();
        let printed = self.run(server.port, &world);
        let after = now();

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

    fn run(self, port: u16, world: &Path) -> Printed {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("load.lua");
        let output = with_many_files(Path::new("wrk"))
            .args(["--threads", &self.threads().to_string(), "--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds()), "--script"])
            .arg(script)
            .args([&format!("http://127.0.0.1:{port}"), "--"])
            .arg(world)
            .stdin(Stdio::null())
            .output()
            .expect("wrk is needed (Debian: apt-get install wrk)");
        let text = String::from_utf8_lossy(&output.stdout);
        let printed = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let Some(printed) = printed.filter(|_| output.status.success()) else {
            panic!("wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        };
        serde_json::from_str(printed).expect("load.lua prints JSON")
    }

    /// The file that tells load.lua what to do.
    fn world(self, port: u16, disposable: i64) -> String {
        let Population { users, tasks, stride } = self.population;
        let list = |tokens: &[String]| format!("{{\"{}\"}}", tokens.join("\",\""));
        let mut text = String::new();
        write!(
            text,
            "world = {{ workload = \"{}\", host = \"127.0.0.1:{port}\", threads = {}, seed = {}, users = {users}, tasks = {tasks}, \
             stride = {stride}, disposable = {disposable}, disposer = \"{}\",\nreaders = {},\nwriters = {} }}\n",
            self.workload.name(),
            self.threads(),
            self.seed,
            self.tokens.disposer,
            list(&self.tokens.readers),
            list(&self.tokens.writers),
        )
        .expect("text takes text");
        text
    }
}
