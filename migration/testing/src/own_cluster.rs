//! A PostgreSQL that one test may stop, hang and kill.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::not_run;
use crate::programs::{Programs, watch};

/// A PostgreSQL cluster that one test owns. It is stopped and removed when this is dropped.
pub struct OwnCluster {
    programs: Programs,
    directory: PathBuf,
    base_url: String,
}

impl OwnCluster {
    /// Starts a cluster, or returns `None` if there is no PostgreSQL (reported on standard error).
    ///
    /// `settings` are lines for `postgresql.conf`. `prepare` may put files into the cluster's folder before it starts.
    #[must_use]
    pub fn start(settings: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(programs) = Programs::find() else {
            not_run::report("no initdb and pg_ctl found");
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("task-tests-own-{}-{number}", std::process::id()));
        let started = programs.start(&directory, settings, prepare);
        if started.is_err() {
            let _ = std::fs::remove_dir_all(&directory);
        }
        let base_url = started.expect("a cluster starts");
        watch(&directory, std::process::id()).expect("a cluster is watched");
        Some(Self { programs, directory, base_url })
    }

    /// Returns the address of its database, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}postgres", self.base_url)
    }

    /// Returns its folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs `pg_ctl` with these arguments: `stop -m fast`, `start`, `restart`, …
    pub fn ctl(&self, arguments: &[&str]) {
        let mut attempts = 20;
        while let Err(problem) = self.programs.ctl(&self.directory, arguments) {
            // After a kill, `start` fails until the system has released the old processes' shared memory.
            attempts -= 1;
            assert!(attempts > 0 && arguments.contains(&"start"), "pg_ctl: {problem}");
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
    }

    /// Sends a signal, by name, to every process of the cluster.
    pub fn signal(&self, name: &str) {
        let pid_file = self.directory.join("data/postmaster.pid");
        // A stopped cluster has neither this file nor a process.
        let Ok(text) = std::fs::read_to_string(pid_file) else { return };
        let pid = text.lines().next().expect("a pid").to_owned();
        for arguments in [vec![format!("-{name}"), "-P".to_owned(), pid.clone()], vec![format!("-{name}"), pid]] {
            let program = if arguments.len() == 3 { "pkill" } else { "kill" };
            let _ = Command::new(program).args(arguments).status();
        }
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        self.signal("CONT");
        let _ = self.programs.ctl(&self.directory, &["stop", "-m", "immediate"]);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
