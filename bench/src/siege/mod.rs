//! The subcommand `siege`: attacks of one user on the server, and their effect on other users.

mod arguments;
mod attack;
mod attackers;
mod http;
mod neighbours;
mod observer;
mod probe;
mod report;
mod target;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::time::sleep;

use self::arguments::Kind;
use self::attack::Attack;
use self::attackers::Attackers;
use self::neighbours::Neighbours;
use self::observer::Observer;
use self::probe::Probe;
use self::report::{Memory, Postgres, Row};
use self::target::Target;
use crate::database::{Cluster, Database};
use crate::population::Population;
use crate::server::{Server, with_few_files, with_many_files};
use crate::tokens::Tokens;
use crate::usage;

pub(crate) use self::arguments::Arguments;

/// The users with few tasks.
const POPULATION: Population = Population { users: 5000, tasks: 20, stride: 1, together: false };

/// The number of the attacker's tasks.
const MANY_ON_POSTGRES: u32 = 1_000_000;
const MANY_ON_SQLITE: u32 = 100_000;

/// The number of large tasks, and of the characters of their descriptions: the most that are allowed. In JSON each of these
/// characters has six bytes, so that a page of these tasks is larger than the kernel's buffers.
const LARGE: u32 = 1000;
const LARGE_CHARACTERS: usize = 1000;
const LARGE_CHARACTER: &str = "\u{1}";

/// How long the idle server is measured, after a warm-up.
const IDLE: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);

/// The connections to the server that are not of the attacker: those of the neighbours and of the probe.
const OTHERS: usize = neighbours::CLIENTS as usize + 1;

/// A filled database with the programs that use it.
struct Setup<'a> {
    name: &'static str,
    api: PathBuf,
    database: Database,
    /// `None` for SQLite.
    cluster: Option<&'a Cluster>,
    tokens: Arc<Tokens>,
    directory: &'a Path,
}

/// Runs the attacks and prints the table.
pub(crate) async fn run(arguments: &Arguments) {
    allow_many_files();
    let directory = tempfile::tempdir().expect("a temporary folder");
    let api = std::path::absolute(&arguments.api).expect("a path");
    assert!(api.exists(), "{} is not built: see the recipe `siege` in the justfile", api.display());
    let tokens = Arc::new(Tokens::new(POPULATION));
    report::print_head();
    if arguments.uses(Kind::Postgres) {
        let cluster = Cluster::start();
        let database = cluster.create("siege").await;
        let (api, tokens) = (api.clone(), Arc::clone(&tokens));
        let cluster = Some(&cluster);
        let setup = Setup { name: "PostgreSQL", api, database, cluster, tokens, directory: directory.path() };
        setup.run(arguments, MANY_ON_POSTGRES).await;
    }
    if arguments.uses(Kind::Sqlite) {
        let database = Database::sqlite(directory.path());
        let setup = Setup { name: "SQLite", api, database, cluster: None, tokens, directory: directory.path() };
        setup.run(arguments, MANY_ON_SQLITE).await;
    }
}

impl Setup<'_> {
    async fn run(&self, arguments: &Arguments, many: u32) {
        let start = Instant::now();
        // The server migrates when it starts.
        self.start(with_many_files(&self.api)).await.kill();
        self.database.fill(POPULATION).await;
        self.database.add_tasks("long-list", many, "Two litres, and bread if there is some left").await;
        self.database.add_tasks("large-tasks", LARGE, &LARGE_CHARACTER.repeat(LARGE_CHARACTERS)).await;
        self.database.analyze().await;
        eprintln!("{}: filled in {} s", self.name, start.elapsed().as_secs());
        for attack in arguments.attacks() {
            let start = Instant::now();
            self.attack(attack, arguments).await.print();
            eprintln!("{}: {} took {} s", self.name, attack.name(), start.elapsed().as_secs());
        }
    }

    /// Starts a server. Its log goes to a file, because it has a line for each request that fails.
    async fn start(&self, mut command: std::process::Command) -> Server {
        command.stderr(File::create(self.directory.join("server.log")).expect("a file can be written"));
        Server::launch(command, &self.database, &self.tokens, 0, self.directory).await
    }

    async fn attack(&self, attack: Attack, arguments: &Arguments) -> Row {
        self.database.rest().await;
        let with_files = if attack == Attack::SlowHeads { with_few_files } else { with_many_files };
        let mut server = self.start(with_files(&self.api)).await;
        let (pid, port) = (server.pid(), server.port);
        let target = Target { port, tokens: Arc::clone(&self.tokens), population: POPULATION };
        Neighbours::measure(&target, WARM_UP);
        let idle = Neighbours::measure(&target, IDLE);

        let before = usage::resident_mib(pid);
        usage::forget_peak(pid);
        let sockets_before = usage::sockets_mib();
        let observer = Observer::start(self.cluster, &self.database).await;
        let neighbours = Neighbours::start(&target);
        let probe = Probe::start(&target);
        let attackers = Attackers::start(attack.behaviour(&self.tokens, arguments.slow_readers), port).await;
        sleep(Duration::from_secs(attack.seconds(arguments.seconds))).await;
        let is_slow = matches!(attack, Attack::SlowReaders | Attack::SlowHeads);
        let left = is_slow.then(|| usage::connections_to(port).saturating_sub(OTHERS));
        // After 40 s a server that has disconnected its slow readers needs no memory for them.
        let sockets = || usage::sockets_mib() - sockets_before;
        let after_slow = (is_slow && !server.has_ended()).then(|| usage::resident_mib(pid) + sockets());

        // The other clients still wait for answers, at most ten seconds, while the attacker has stopped.
        let stopped = thread::spawn(move || (neighbours.stop(), probe.stop()));
        let answers = attackers.stop();
        sleep(Duration::from_secs(1)).await;
        let (first, peak) = observer.stop().await;
        let postgres = match self.cluster {
            Some(cluster) => Some(Postgres {
                connections: peak.connections,
                still_running: observer::old_statements(cluster, &self.database).await,
                before_mib: first.postgres_mib,
                peak_mib: peak.postgres_mib,
            }),
            None => None,
        };
        let memory = (!server.has_ended()).then(|| Memory {
            before,
            peak: usage::peak_mib(pid) + peak.sockets_mib - sockets_before,
            after: after_slow.unwrap_or_else(|| usage::resident_mib(pid) + sockets()),
        });
        let (attacked, health) = stopped.join().expect("the clients end");
        server.kill();
        if let Some(cluster) = self.cluster {
            observer::disconnect(cluster, &self.database).await;
        }
        Row { database: self.name, attack, idle, attacked, health, postgres, memory, left, answers }
    }
}

/// Allows this program as many open files as possible: a thousand connections exceed the usual limit.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a limit up to the highest allowed one");
}
