//! A PostgreSQL of a test's own, to be stopped, hung and killed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cluster::{Programs, watch};
use crate::postgres::say_not_run;

/// A PostgreSQL cluster that one test owns; gone when it is dropped.
pub struct OwnCluster {
    programs: Programs,
    directory: PathBuf,
    base_url: String,
}

impl OwnCluster {
    /// Starts one with these lines added to its configuration, or `None` where there is no PostgreSQL (said loudly).
    /// `prepare` may put files into its folder before it starts.
    #[must_use]
    pub fn start(settings: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(programs) = Programs::find() else {
            say_not_run("no initdb and pg_ctl found");
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

    /// The address of its only database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}postgres", self.base_url)
    }

    /// Its folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// `pg_ctl` with these words: `stop -m fast`, `start`, `restart`, …
    pub fn ctl(&self, words: &[&str]) {
        let mut attempts = 20;
        while let Err(problem) = self.programs.ctl(&self.directory, words) {
            // After a kill the system may still be taking the old processes' memory apart.
            attempts -= 1;
            assert!(attempts > 0 && words.contains(&"start"), "pg_ctl: {problem}");
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
    }

    /// Sends every process of it a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid_file = self.directory.join("data/postmaster.pid");
        // One that is stopped has no file, and no process to send anything to.
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
