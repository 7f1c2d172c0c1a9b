//! PostgreSQL's server programs: found, and run as an unprivileged user.
//!
//! PostgreSQL refuses to run as root, so root runs it as the user `postgres`, or `nobody`.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// PostgreSQL's server programs, and the user to run them as.
pub(crate) struct Programs {
    bin: PathBuf,
    /// The unprivileged user and group to run them as, if this process is root.
    drop_to: Option<(u32, u32)>,
}

impl Programs {
    /// Searches `PG_BIN`, Debian's folders (newest first), `pg_config`, then `PATH`.
    pub(crate) fn find() -> Option<Self> {
        let mut folders: Vec<PathBuf> = std::env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
        let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
            })
            .collect();
        debian.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        folders.extend(debian.into_iter().map(|(_, folder)| folder));
        folders.extend(output_of(Command::new("pg_config").arg("--bindir")).map(PathBuf::from));
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let bin =
            folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())?;

        let is_root = output_of(Command::new("id").arg("-u")).as_deref() == Some("0");
        let id_of = |user: &str, option: &str| output_of(Command::new("id").args([option, user]))?.parse().ok();
        let drop_to = is_root
            .then(|| ["postgres", "nobody"].iter().find_map(|user| Some((id_of(user, "-u")?, id_of(user, "-g")?))))
            .flatten();
        Some(Self { bin, drop_to })
    }

    /// Runs `pg_ctl` with these arguments and waits until it is done, at most 60 seconds.
    pub(crate) fn ctl(&self, directory: &Path, arguments: &[&str]) -> Result<(), String> {
        run(self
            .command("pg_ctl", directory)
            .args(["--pgdata=data", "--log=log", "--wait", "--timeout=60"])
            .args(arguments))
    }

    /// Gives the files in the folder to the user that the server runs as.
    fn own_everything_in(&self, directory: &Path) -> Result<(), String> {
        let Some((user, group)) = self.drop_to else { return Ok(()) };
        let describe = |error: std::io::Error| format!("{}: {error}", directory.display());
        for entry in fs::read_dir(directory).map_err(describe)? {
            chown(entry.map_err(describe)?.path(), Some(user), Some(group)).map_err(describe)?;
        }
        chown(directory, Some(user), Some(group)).map_err(describe)
    }

    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(directory).env("HOME", directory);
        if let Some((user, group)) = self.drop_to {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts a new cluster in `directory` and returns its address without a database's name:
    /// `postgres://USER:PASSWORD@127.0.0.1:PORT/`.
    ///
    /// `settings` are lines for `postgresql.conf`. `prepare` may put files into the folder before the server starts.
    pub(crate) fn start(
        &self,
        directory: &Path,
        settings: &str,
        prepare: impl FnOnce(&Path),
    ) -> Result<String, String> {
        let describe = |error: std::io::Error| format!("{}: {error}", directory.display());
        fs::DirBuilder::new().mode(0o700).create(directory).map_err(describe)?;
        let password_file = directory.join("password");
        let mut random = [0; 16];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).map_err(describe)?;
        let password = format!("{:032x}", u128::from_ne_bytes(random));
        fs::write(&password_file, &password).map_err(describe)?;
        self.own_everything_in(directory)?;
        run(self
            .command("initdb", directory)
            .args(["--username=tester", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "--pgdata=data", "--pwfile=password"]))?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(describe)?.port();
        prepare(directory);
        self.own_everything_in(directory)?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n{settings}",
            directory.display()
        );
        let config = directory.join("data/postgresql.conf");
        let defaults = fs::read_to_string(&config).map_err(describe)?;
        fs::write(&config, defaults + &settings).map_err(describe)?;
        self.ctl(directory, &["start"])?;
        Ok(format!("postgres://tester:{password}@127.0.0.1:{port}/"))
    }
}

/// Starts a process that stops the cluster and removes its folder when `process` ends, however it ends.
pub(crate) fn watch(directory: &Path, process: u32) -> Result<(), String> {
    let script = r#"
        while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 0.5; done
        server=$(head -n 1 "$2/data/postmaster.pid")
        kill -QUIT "$server"
        while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
        rm -rf "$2" "$2.lock""#;
    Command::new("sh")
        .args(["-c", script, "stop-test-postgres", &process.to_string()])
        .arg(directory)
        // A process group of its own: Ctrl-C on the tests must not end the watcher before it has done its work.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Returns the output of a command, or `None` if it cannot run or fails.
fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// Runs a command to its end; the error is what it wrote to standard error.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
