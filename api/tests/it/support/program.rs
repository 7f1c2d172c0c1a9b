//! The program as a process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::User;

/// A running `api serve`.
pub struct Program {
    child: Child,
    address: String,
    /// Its output at the start.
    pub greeting: String,
    log: Arc<Mutex<String>>,
    log_reader: Option<thread::JoinHandle<()>>,
}

/// Returns the command `api`, with an empty environment and this working directory.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command.env_clear().current_dir(folder);
    command
}

/// Runs a command to its end. Returns the exit code, standard output and standard error.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

impl Program {
    /// Starts it on a free port and waits until it has printed its address.
    pub fn start<N: AsRef<OsStr>, V: AsRef<OsStr>>(folder: &Path, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self::start_as(command(folder), variables)
    }

    /// Does the same with limits of the shell's `ulimit`, such as `-f 100`.
    pub fn start_with_limits<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        folder: &Path,
        limits: &str,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit {limits} && exec \"$0\""), env!("CARGO_BIN_EXE_api")]);
        command.env_clear().current_dir(folder);
        Self::start_as(command, variables)
    }

    fn start_as<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut command: Command,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        command.env("PORT", "0").envs(variables).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let log_reader = {
            let (log, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    log.lock().unwrap().push_str(&(line + "\n"));
                }
            })
        };
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("Listening on ").map(str::to_owned) else {
            if !line.is_empty() {
                let _ = child.kill();
            }
            let _ = child.wait();
            panic!("the server did not start: {line}{}", log.lock().unwrap());
        };
        let mut greeting = line;
        for _ in 0..2 {
            stdout.read_line(&mut greeting).unwrap();
        }
        Self { child, address, greeting, log, log_reader: Some(log_reader) }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn bearer(&self, token: &str) -> User {
        User::new(&self.address, Some(token))
    }

    /// Returns the peak of its resident memory, in KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Returns the processor time that it has used.
    pub fn processor_time(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads
            .filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("schedstat")).ok())
            .map(|text| Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap()))
            .sum()
    }

    /// Returns its soft limit of open files, as the system reports it.
    pub fn file_limit(&self) -> String {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    }

    /// Sends it a signal, by name: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the log contains this text, however slow the machine is.
    pub fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while !self.log.lock().unwrap().contains(text) {
            assert!(Instant::now() < deadline, "{text} is not in\n{}", self.log.lock().unwrap());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end. Returns the exit code and the whole log.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.log_reader.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap().clone();
        (code, log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
