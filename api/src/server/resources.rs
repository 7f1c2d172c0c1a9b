//! The limits that the system sets to this process.

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// With fewer files than this, one client address with all of its connections could take most of them.
const ENOUGH_FILES: u64 = 4096;

/// Raises the limit of open files to the most that the system permits, because each connection is one. Logs a warning if that
/// is not many.
pub fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        log::warn!("the limit of open files cannot be raised: {error}");
    }
    if let Some(files) = getrlimit(Resource::Nofile).current
        && files < ENOUGH_FILES
    {
        log::warn!(
            "this server may open only {files} files, and each connection is one: raise the limit to {ENOUGH_FILES} or more \
             (LimitNOFILE of systemd, --ulimit nofile of Docker, or ulimit -n)"
        );
    }
}

/// Turns the signal for a file that has grown to its limit (`ulimit -f`, `LimitFSIZE` of systemd) into an error of the write.
/// Its default action ends the process.
///
/// # Errors
/// If the system does not permit it.
pub fn survive_file_size_limit() -> std::io::Result<()> {
    // The handler stays installed when the stream of signals is dropped.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}
