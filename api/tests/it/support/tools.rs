//! Programs that some tests need and that may not be installed.

use std::io::Write;
use std::path::PathBuf;
use std::process::Child;

/// A process that is killed at the end of the test.
pub struct Daemon(pub Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a port that nothing listens on.
///
/// It lies below the ports that systems give to outgoing connections (from 32768 on Linux), so that it stays free while the
/// server that uses it is restarted.
pub fn free_port() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    let candidates = std::iter::repeat_with(|| 10_000 + RandomState::new().hash_one(()) % 20_000);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    candidates.map(|port| u16::try_from(port).unwrap()).find(is_free).unwrap()
}

/// Finds a program, or returns `None` if it is not installed: reported on standard error, and a failure with `CI=true`.
pub fn find(program: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|file| file.exists());
    if found.is_none() {
        not_run(&format!("a test needs `{program}` (Debian: `apt-get install {package}`)"));
    }
    found
}

/// Reports on standard error that a test cannot run, and why. With `CI=true` that is a failure.
pub fn not_run(reason: &str) {
    let text = format!("\n### NOT RUN: {reason} ###\n");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
    // Not `eprintln!`: the test harness hides its output if the test passes.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
