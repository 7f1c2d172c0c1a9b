//! Programs that some tests need and that not every machine has.

use std::io::Write;
use std::path::PathBuf;

/// The program, or `None` where it is not installed: said loudly, and a failure with `CI=true`.
pub fn find(program: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|file| file.exists());
    if found.is_none() {
        let text = format!("\n### NOT RUN: a test needs `{program}` (Debian: `apt-get install {package}`) ###\n");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
        // Not `eprintln!`: the test harness swallows that for tests that pass.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    found
}
