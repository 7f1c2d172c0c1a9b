//! Outages of the database: 503, and recovery.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testing::{Backend, ConnectionTrait, OwnCluster, TestDatabase};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::readiness;
use crate::support::door::Door;
use crate::support::program::Program;
use crate::support::{Answer, SECRET, TestApp, User, promises, token};

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.code(), "database_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_process_holds_the_sqlite_file_writes_are_503_and_reads_go_on() {
    let app = TestApp::with(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), &[]).await;
    let alice = app.user("alice");
    let other = app.database.connect().await;
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    assert_unavailable(&alice.post(503, "/api/tasks", json!({"title": "t"})).await);
    alice.get(200, "/api/tasks").await;
    other.execute_unprepared("ROLLBACK").await.unwrap();
    alice.create("t").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_cannot_be_reached_requests_are_503_and_afterwards_they_succeed() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else {
        return;
    };
    let mut door = Door::to(database.url()).await;
    let app = TestApp::reaching(&door.url(), database, &[]).await;
    let alice = app.user("alice");
    alice.create("before").await;

    door.close().await;
    for _ in 0..2 {
        assert_unavailable(&alice.get(503, "/api/tasks").await);
    }
    door.open().await;
    assert_eq!(alice.titles("/api/tasks").await, ["before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_a_free_connection_is_503() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else {
        return;
    };
    let app = TestApp::with(database, &[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let alice = app.user("alice");
    let other = app.database.connect().await;
    other.execute_unprepared("BEGIN; LOCK TABLE task").await.unwrap();
    let stuck = tokio::spawn({
        let alice = alice.clone();
        async move { alice.get(200, "/api/tasks").await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_unavailable(&alice.get(503, "/api/tasks").await);
    other.execute_unprepared("ROLLBACK").await.unwrap();
    stuck.await.unwrap();
}

/// Opens four connections in the pool, each used a moment ago.
async fn warm_up(alice: &User) {
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let alice = alice.clone();
        running.spawn(async move { alice.get(200, "/api/tasks").await });
    }
    running.join_all().await;
}

async fn app_on(cluster: &OwnCluster) -> TestApp {
    // The fixture's database is not used; the server uses the cluster's.
    TestApp::reaching(&cluster.url(), TestDatabase::empty(Backend::Sqlite).await.unwrap(), &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_postgres_is_not_seen_by_any_client() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    warm_up(&alice).await;
    cluster.ctl(&["restart", "-m", "fast"]);
    let mut running = JoinSet::new();
    for number in 0..20 {
        let (alice, path) = (alice.clone(), path.clone());
        running.spawn(async move {
            if number % 2 == 0 { alice.create("after").await } else { alice.get(200, &path).await.text }
        });
    }
    running.join_all().await;
    assert_eq!(alice.titles("/api/tasks").await.len(), 11, "none lost, none twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_drops_while_idle_are_not_seen_by_any_client() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    warm_up(&alice).await;
    let other = testing::connect(&cluster.url()).await;
    let drop_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    other.execute_unprepared(drop_all).await.unwrap();
    alice.toggle(200, &path).await;
    warm_up(&alice).await;
    assert_eq!(alice.get(200, &path).await.json()["completed"], true, "toggled once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_stopped_requests_are_503_within_the_limit_and_afterwards_they_succeed() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    warm_up(&alice).await;
    cluster.ctl(&["stop", "-m", "fast"]);
    let began = Instant::now();
    assert_unavailable(&alice.get(503, "/api/tasks").await);
    assert_unavailable(&alice.post(503, "/api/tasks", json!({"title": "t"})).await);
    assert!(began.elapsed() < Duration::from_secs(25));
    cluster.ctl(&["start"]);
    alice.create("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_hangs_requests_are_503_within_the_limit_and_afterwards_they_succeed() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    warm_up(&alice).await;
    cluster.signal("STOP");
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let alice = alice.clone();
        running.spawn(async move { assert_unavailable(&alice.get(503, "/api/tasks").await) });
    }
    running.join_all().await;
    assert!(began.elapsed() < Duration::from_secs(25));
    cluster.signal("CONT");
    tokio::time::sleep(Duration::from_secs(1)).await;
    alice.create("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_has_no_free_connection_requests_are_503() {
    let Some(cluster) = OwnCluster::start("max_connections = 8\nsuperuser_reserved_connections = 0\n", |_| {}) else {
        return;
    };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    alice.get(200, "/api/tasks").await;
    let drop_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'task-api'";
    let mut others = vec![testing::connect(&cluster.url()).await];
    let answer = loop {
        others[0].execute_unprepared(drop_all).await.unwrap();
        // A connection is tried again and again while there is none.
        while let Ok(other) = timeout(Duration::from_secs(1), testing::connect(&cluster.url())).await {
            others.push(other);
        }
        let answer = Answer::to(alice.request(Method::GET, "/api/tasks")).await;
        // What the server does in the background may have got a connection first.
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(answer.status, 503);
    assert_unavailable(&answer);
    drop(others);
    tokio::time::sleep(Duration::from_millis(500)).await;
    alice.create("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_under_load_has_lost_no_create_that_was_answered() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    let promised = Arc::new(Mutex::new(BTreeSet::new()));
    let mut storm = JoinSet::new();
    for _ in 0..8 {
        let (alice, promised) = (alice.clone(), Arc::clone(&promised));
        storm.spawn(async move {
            loop {
                let request = alice.request(Method::POST, "/api/tasks").json(&json!({"title": "t"}));
                let response = request.send().await.unwrap();
                let status = response.status().as_u16();
                if status == 503 {
                    break;
                }
                assert_eq!(status, 201);
                let task: serde_json::Value = response.json().await.unwrap();
                promised.lock().unwrap().insert(task["id"].as_i64().unwrap());
            }
        });
    }
    promises(&promised).await;
    cluster.signal("KILL");
    storm.join_all().await;
    cluster.ctl(&["start"]);
    let promised = promised.lock().unwrap().clone();
    let kept = alice.get(200, "/api/tasks").await.json();
    let kept: BTreeSet<i64> = kept.as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect();
    assert!(promised.is_subset(&kept), "lost: {:?}", promised.difference(&kept));
    assert!(kept.len() - promised.len() <= 8, "more than the requests under way were done unanswered");
}

/// Mounts a file system of this size, or returns `None` if this user may not (reported on standard error).
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn of(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        let text = b"\n### NOT RUN: a test of full disks needs to mount one, which takes root ###\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text);
        None
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.path().join("filler")).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Creates tasks until one is refused for lack of space, then frees some space.
async fn check_full_disk(app: &TestApp, disk: &SmallDisk) {
    let alice = app.user("alice");
    let body = json!({"title": "t", "description": "d".repeat(1000)});
    alice.post(201, "/api/tasks", body.clone()).await;
    disk.fill();
    let mut created = 1;
    loop {
        let response = alice.request(Method::POST, "/api/tasks").json(&body).send().await.unwrap();
        if response.status() == 503 {
            break;
        }
        assert_eq!(response.status(), 201);
        created += 1;
        assert!(created < 2000, "the disk is full");
    }
    assert_unavailable(&alice.post(503, "/api/tasks", body.clone()).await);
    assert_eq!(alice.titles("/api/tasks").await.len(), created, "reads go on, and nothing is lost");
    readiness::until(app, "not_writable").await;
    disk.free();
    alice.post(201, "/api/tasks", body).await;
    readiness::until(app, "ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_sqlite_refuses_writes_with_503_until_there_is_space() {
    let Some(disk) = SmallDisk::of("4m") else { return };
    let url = format!("sqlite://{}/tasks.db", disk.0.path().display());
    let app = TestApp::reaching(&url, TestDatabase::empty(Backend::Sqlite).await.unwrap(), &[]).await;
    check_full_disk(&app, &disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_postgres_refuses_writes_with_503_until_there_is_space() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let Some(disk) = SmallDisk::of("8m") else { return };
    let app = app_on(&cluster).await;
    let folder = disk.0.path().join("space");
    std::fs::create_dir(&folder).unwrap();
    // PostgreSQL requires that it owns the folder of a tablespace.
    let owner = std::fs::metadata(cluster.directory()).unwrap();
    let (user, group) = (std::os::unix::fs::MetadataExt::uid(&owner), std::os::unix::fs::MetadataExt::gid(&owner));
    std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
    std::fs::set_permissions(disk.0.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let other = testing::connect(&cluster.url()).await;
    other.execute_unprepared(&format!("CREATE TABLESPACE small LOCATION '{}'", folder.display())).await.unwrap();
    other.execute_unprepared("ALTER TABLE task SET TABLESPACE small").await.unwrap();
    check_full_disk(&app, &disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_read_only_as_during_a_failover_writes_are_503_and_afterwards_they_succeed() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let app = app_on(&cluster).await;
    let alice = app.user("alice");
    alice.create("before").await;
    warm_up(&alice).await;
    let other = testing::connect(&cluster.url()).await;
    let switch = async |to: &str| {
        other.execute_unprepared(&format!("ALTER SYSTEM SET default_transaction_read_only = {to}")).await.unwrap();
        other.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    switch("on").await;
    assert_unavailable(&alice.post(503, "/api/tasks", json!({"title": "t"})).await);
    assert_eq!(alice.titles("/api/tasks").await, ["before"]);
    switch("off").await;
    alice.create("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_stop_responding_are_dropped_within_seconds_and_do_not_delay_the_stop() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let (user, rest) = database.url().split_once('@').map(|(user, rest)| (user.to_owned(), rest.to_owned())).unwrap();
    let (server, name) = rest.split_once('/').map(|(server, name)| (server.to_owned(), name.to_owned())).unwrap();
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let (vanish, vanished) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = door.accept().await {
            let mut upstream = TcpStream::connect(&server).await.unwrap();
            let mut vanished = vanished.clone();
            let is_new = *vanished.borrow();
            tokio::spawn(async move {
                let silence = async {
                    while is_new || !*vanished.borrow() {
                        let _ = vanished.changed().await;
                    }
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut upstream) => return,
                    () = silence => {}
                }
                // From now on nothing is forwarded, and neither side is notified.
                std::future::pending::<()>().await;
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{user}@{address}/{name}");
    let variables = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("DATABASE_MAX_CONNECTIONS", "4")];
    let program = Program::start(folder.path(), variables);
    let alice = program.bearer(&token("alice"));
    warm_up(&alice).await;
    vanish.send(true).unwrap();
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let request = alice.request(Method::GET, "/api/tasks");
        running.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    assert!(running.join_all().await.into_iter().all(|status| status == 503 || status == 200));
    while alice.request(Method::GET, "/api/tasks").send().await.unwrap().status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(40), "it does not heal");
    }
    program.signal("TERM");
    assert_eq!(program.wait().0, Some(0));
}
