//! The server behind a real PgBouncer.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use testing::OwnCluster;
use tokio::task::JoinSet;

use crate::support::program::{Program, command, run};
use crate::support::tools::{self, Daemon, free_port};
use crate::support::{SECRET, token};

struct PgBouncer {
    _daemon: Daemon,
    url: String,
}

/// Starts a PgBouncer in this mode, with at most `pool_size` connections to the server.
async fn pgbouncer(cluster: &OwnCluster, mode: &str, pool_size: u32) -> Option<PgBouncer> {
    let program = tools::find("pgbouncer", "pgbouncer")?;
    let port = free_port();
    let (user, server) = cluster
        .url()
        .trim_start_matches("postgres://")
        .split_once('@')
        .map(|(user, server)| (user.to_owned(), server.to_owned()))
        .unwrap();
    let (name, password) = user.split_once(':').unwrap();
    let server_port = server.split([':', '/']).nth(1).unwrap();
    let config = cluster.directory().join(format!("pgbouncer-{port}.ini"));
    let text = format!(
        "[databases]\npostgres = host=127.0.0.1 port={server_port} user={name} password={password}\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
         default_pool_size = {pool_size}\nquery_wait_timeout = 5\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    command.arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    if is_root() {
        command.args(["-u", "postgres"]);
    }
    let child = command.spawn().unwrap();
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(PgBouncer { _daemon: Daemon(child), url: format!("postgres://{user}@127.0.0.1:{port}/postgres") })
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_pooler_in_session_mode_everything_works() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let Some(pooler) = pgbouncer(&cluster, "session", 20).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let program =
        Program::start(folder.path(), [("DATABASE_URL", pooler.url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]);
    let alice = program.bearer(&token("alice"));
    let mut running = JoinSet::new();
    for _ in 0..50 {
        let alice = alice.clone();
        running.spawn(async move {
            let path = alice.create("t").await;
            alice.toggle(200, &path).await;
            alice.get(200, &path).await;
        });
    }
    running.join_all().await;
    assert_eq!(alice.titles("/api/tasks?status=completed").await.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_mixes_up_prepared_statements_is_refused_and_the_error_names_the_setting() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    for (mode, pool_size) in [("transaction", 20), ("transaction", 1), ("statement", 20)] {
        let Some(pooler) = pgbouncer(&cluster, mode, pool_size).await else { return };
        let folder = tempfile::tempdir().unwrap();
        let mut start = command(folder.path());
        start.envs([("PORT", "0"), ("DATABASE_URL", &pooler.url), ("BETTER_AUTH_SECRET", SECRET)]);
        let (code, _, stderr) = run(&mut start);
        assert_eq!(code, Some(1), "{mode} {pool_size}: {stderr}");
        assert!(
            stderr.contains("pooler in transaction mode") && stderr.contains("max_prepared_statements"),
            "{stderr}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_use_the_direct_address_if_there_is_one() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = "postgres://u:hunter2@127.0.0.1:1/nowhere";
    let mut start = command(folder.path());
    start.envs([
        ("PORT", "0"),
        ("DATABASE_URL", &cluster.url()),
        ("DATABASE_DIRECT_URL", elsewhere),
        ("BETTER_AUTH_SECRET", SECRET),
    ]);
    let (code, _, stderr) = run(&mut start);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot be migrated") && !stderr.contains("hunter2"), "{stderr}");
}
