//! The report that tests do not run on PostgreSQL.

use std::io::Write;

/// Reports that PostgreSQL is not available; with `CI=true` it fails the test instead.
pub(crate) fn report(problem: &str) {
    let text = format!(
        "\n\
         ############################################################################\n\
         # THE POSTGRESQL HALF OF THE TESTS DOES NOT RUN: {problem}\n\
         # To run it, install PostgreSQL's server programs (Debian: `apt-get install\n\
         # postgresql`, macOS: `brew install postgresql`), or set PG_BIN to the folder\n\
         # of initdb, or set TEST_DATABASE_URL to a server on which databases may be\n\
         # created. The tests on SQLite run.\n\
         ############################################################################\n"
    );
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
    // Not `eprintln!`: the test harness hides its output if the test passes.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
