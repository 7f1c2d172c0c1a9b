//! A server under test: a child process on its own port.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::database::Database;
use crate::tokens::Tokens;

/// How long a server may take to stop after SIGTERM, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running server. It is stopped when this is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    /// The time from its start to its first answer.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts it and waits until it answers. Its environment has only these variables, and its folder no `.env`.
    pub(crate) async fn start(
        program: &Path,
        database: &Database,
        tokens: &Tokens,
        workers: u32,
        directory: &Path,
    ) -> Self {
        let program = std::path::absolute(program).expect("a path");
        assert!(program.exists(), "{} is not built: see the recipe `bench` in the justfile", program.display());
        Self::launch(with_many_files(&program), database, tokens, workers, directory).await
    }

    /// Like [`Server::start`], with a command that the caller has prepared. Its environment is cleared.
    pub(crate) async fn launch(
        mut command: Command,
        database: &Database,
        tokens: &Tokens,
        workers: u32,
        directory: &Path,
    ) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        command
            .current_dir(directory)
            .env_clear()
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string())
            .env("WORKERS", workers.to_string())
            .env("DATABASE_URL", &database.url)
            .env("BETTER_AUTH_SECRET", &tokens.secret)
            .env("RATE_LIMIT_PER_SECOND", "0")
            .env("RATE_LIMIT_PER_ADDRESS_PER_SECOND", "0")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let client = reqwest::Client::new();
        let start = Instant::now();
        let mut server =
            Self { process: command.spawn().expect("the server starts"), port, started_in: Duration::ZERO };
        server.wait(&client, &tokens.readers[0]).await;
        server.started_in = start.elapsed();
        server
    }

    async fn wait(&mut self, client: &reqwest::Client, token: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer =
                client.get(format!("http://127.0.0.1:{}/api/tasks", self.port)).bearer_auth(token).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            if let Some(status) = self.process.try_wait().expect("the state of a child process") {
                panic!("the server ended: {status}");
            }
            assert!(Instant::now() < deadline, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Ends the process without waiting for its requests.
    pub(crate) fn kill(mut self) {
        let _ = self.process.kill();
    }
}

impl Drop for Server {
    /// Sends SIGTERM first: a server that profiles itself (`just pgo`) writes its profile when it stops normally.
    fn drop(&mut self) {
        let asked = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while asked.is_ok() && Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a command that runs the program with the highest allowed number of open files: a thousand connections exceed the usual
/// limit.
pub(crate) fn with_many_files(program: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"ulimit -n "$(ulimit -H -n)"; exec "$0" "$@""#]).arg(program);
    command
}

/// Returns a command that runs the program with the limits of open files that a systemd unit has by default: a low one, which the
/// program may raise.
pub(crate) fn with_few_files(program: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"ulimit -S -n 1024; exec "$0" "$@""#]).arg(program);
    command
}
