//! A private PostgreSQL: started once per test run, in a temporary folder, on a free port, gone when the run ends.
//!
//! "A test run" is the process that started the tests (`cargo test`, `cargo nextest`): all test programs that it starts
//! share one cluster, found by that process's id. A small watcher stops it and removes the folder when that process ends,
//! however it ends. PostgreSQL refuses to run as root, so root drops to the user `postgres`, or `nobody`.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::database::{block_on, connect};

/// The migrated database that others are copied from.
pub(crate) const TEMPLATE: &str = "migrated";

/// A running cluster.
pub(crate) struct Cluster {
    /// Its address up to and without a database's name: `postgres://USER:PASSWORD@127.0.0.1:PORT/`.
    pub(crate) base_url: String,
}

/// The cluster of this test run, started if this is the first call of the run; or why there is none.
pub(crate) fn shared() -> Result<Cluster, String> {
    let programs = Programs::find().ok_or("no initdb and pg_ctl found")?;
    let directory = std::env::temp_dir().join(format!("task-tests-postgres-{}", parent_id()));
    // Several test programs, or several processes of one, may arrive at once: one starts it, the others wait here.
    let lock = File::create(directory.with_extension("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let address = directory.join("address");
    if !address.exists() {
        let _ = fs::remove_dir_all(&directory);
        // Nothing here outlives the run, so nothing needs to reach the disk.
        let settings = "max_connections = 300\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";
        let base_url = programs.start(&directory, settings, |_| {})?;
        watch(&directory, parent_id())?;
        make_template(&base_url);
        fs::write(&address, base_url).map_err(|error| error.to_string())?;
    }
    let base_url = fs::read_to_string(&address).map_err(|error| error.to_string())?;
    Ok(Cluster { base_url })
}

/// PostgreSQL's server programs, and who may run them.
pub(crate) struct Programs {
    bin: PathBuf,
    /// The unprivileged user and group to run them as, when we are root.
    drop_to: Option<(u32, u32)>,
}

impl Programs {
    /// Looks at `PG_BIN`, Debian's folders (newest first), `pg_config`, then `PATH`.
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
        let id_of = |user: &str, what: &str| output_of(Command::new("id").args([what, user]))?.parse().ok();
        let drop_to = is_root
            .then(|| ["postgres", "nobody"].iter().find_map(|user| Some((id_of(user, "-u")?, id_of(user, "-g")?))))
            .flatten();
        Some(Self { bin, drop_to })
    }

    /// `pg_ctl` with these words, waiting until it is done.
    pub(crate) fn ctl(&self, directory: &Path, words: &[&str]) -> Result<(), String> {
        run(self
            .command("pg_ctl", directory)
            .args(["--pgdata=data", "--log=log", "--wait", "--timeout=60"])
            .args(words))
    }

    /// What we put into the folder must be the server's, which may be another user.
    fn own_everything_in(&self, directory: &Path) -> Result<(), String> {
        let Some((user, group)) = self.drop_to else { return Ok(()) };
        let told = |error: std::io::Error| format!("{}: {error}", directory.display());
        for entry in fs::read_dir(directory).map_err(told)? {
            chown(entry.map_err(told)?.path(), Some(user), Some(group)).map_err(told)?;
        }
        chown(directory, Some(user), Some(group)).map_err(told)
    }

    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(directory).env("HOME", directory);
        if let Some((user, group)) = self.drop_to {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts a new cluster in `directory` and returns its address without a database's name.
    pub(crate) fn start(
        &self,
        directory: &Path,
        settings: &str,
        prepare: impl FnOnce(&Path),
    ) -> Result<String, String> {
        let told = |error: std::io::Error| format!("{}: {error}", directory.display());
        fs::DirBuilder::new().mode(0o700).create(directory).map_err(told)?;
        let password_file = directory.join("password");
        let mut random = [0; 16];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).map_err(told)?;
        let password = format!("{:032x}", u128::from_ne_bytes(random));
        fs::write(&password_file, &password).map_err(told)?;
        self.own_everything_in(directory)?;
        run(self
            .command("initdb", directory)
            .args(["--username=tester", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "--pgdata=data", "--pwfile=password"]))?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(told)?.port();
        prepare(directory);
        self.own_everything_in(directory)?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n{settings}",
            directory.display()
        );
        let config = directory.join("data/postgresql.conf");
        let defaults = fs::read_to_string(&config).map_err(told)?;
        fs::write(&config, defaults + &settings).map_err(told)?;
        self.ctl(directory, &["start"])?;
        Ok(format!("postgres://tester:{password}@127.0.0.1:{port}/"))
    }
}

/// Stops the cluster and removes its folder when this process ends.
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
        // A group of its own, so that Ctrl-C on the tests does not end the watcher before its work.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| error.to_string())
}

fn make_template(base_url: &str) {
    let base_url = base_url.to_owned();
    block_on(async move {
        let maintenance = connect(&format!("{base_url}postgres")).await;
        maintenance.execute_unprepared(&format!("CREATE DATABASE {TEMPLATE}")).await.expect("CREATE DATABASE");
        let template = connect(&format!("{base_url}{TEMPLATE}")).await;
        migration::apply_pending(&template).await.expect("PostgreSQL migrates");
        // A database that someone is connected to cannot be copied.
        template.close().await.expect("the template's connection closes");
    });
}

/// What a command printed, or `None` when it cannot run or fails.
fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// Runs a command to its end; its own words when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
