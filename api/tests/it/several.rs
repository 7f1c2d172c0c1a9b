//! Several servers on one database, behind a real proxy.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use testing::{Backend, TestDatabase};
use tokio::task::JoinSet;

use crate::support::program::Program;
use crate::support::tools::{self, Daemon, free_port};
use crate::support::{SECRET, User, token};

struct Proxy {
    _daemon: Daemon,
    address: String,
    _folder: TempDir,
}

/// `HAProxy` in front of these ports, as docs/operations.md has it: servers that are not ready get no requests, and one that
/// cannot be connected to gets none twice.
async fn proxy(ports: &[u16]) -> Option<Proxy> {
    let program = tools::find("haproxy", "haproxy")?;
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut config = format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 30s\n timeout server 30s\n retries 3\n option redispatch\n\
         retry-on conn-failure\nfrontend in\n bind 127.0.0.1:{port}\n default_backend api\nbackend api\n\
         option httpchk GET /health/ready\n default-server check inter 200ms fall 1 rise 1\n"
    );
    for (number, port) in ports.iter().enumerate() {
        writeln!(config, " server s{number} 127.0.0.1:{port}").unwrap();
    }
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, config).unwrap();
    let child = Command::new(program).arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let address = format!("http://127.0.0.1:{port}");
    for _ in 0..100 {
        if reqwest::get(format!("{address}/health/ready")).await.is_ok_and(|answer| answer.status() == 200) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(Proxy { _daemon: Daemon(child), address, _folder: folder })
}

fn start(database: &TestDatabase, port: u16) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url().to_owned()),
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("PORT", port.to_string()),
        ("SHUTDOWN_DELAY_SECONDS", "1".to_owned()),
        ("RATE_LIMIT_PER_SECOND", "0".to_owned()),
    ];
    Program::start(folder.path(), variables)
}

/// What users see while they create tasks one after another.
#[derive(Default)]
struct Seen {
    created: Mutex<BTreeMap<String, i64>>,
    failed: AtomicU32,
    stop: AtomicBool,
}

const CLIENTS: u32 = 8;

fn storm(proxy: &Proxy, seen: &Arc<Seen>) -> JoinSet<()> {
    let mut storm = JoinSet::new();
    for client in 0..CLIENTS {
        let (user, seen) = (User::new(&proxy.address, Some(&token("alice"))), Arc::clone(seen));
        storm.spawn(async move {
            for number in 0.. {
                if seen.stop.load(Ordering::Relaxed) {
                    break;
                }
                let title = format!("{client}-{number}");
                let request = user.request(Method::POST, "/api/tasks").json(&json!({ "title": title }));
                match request.send().await {
                    Ok(answer) if answer.status() == 201 => {
                        let id = answer.json::<serde_json::Value>().await.unwrap()["id"].as_i64().unwrap();
                        seen.created.lock().unwrap().insert(title, id);
                    }
                    _ => _ = seen.failed.fetch_add(1, Ordering::Relaxed),
                }
            }
        });
    }
    storm
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_servers_one_is_restarted_and_one_killed_under_load_and_nothing_is_lost_or_doubled() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let ports = [free_port(), free_port(), free_port()];
    let mut servers: Vec<Option<Program>> = ports.iter().map(|port| Some(start(&database, *port))).collect();
    let Some(proxy) = proxy(&ports).await else { return };
    let seen = Arc::new(Seen::default());
    let storm = storm(&proxy, &seen);
    tokio::time::sleep(Duration::from_millis(500)).await;

    // A rolling restart: not ready first, then what is under way is finished.
    let stopping = servers[0].take().unwrap();
    stopping.signal("TERM");
    let stopped = tokio::task::spawn_blocking(move || stopping.wait().0);
    assert_eq!(stopped.await.unwrap(), Some(0));
    servers[0] = Some(start(&database, ports[0]));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(seen.failed.load(Ordering::Relaxed), 0, "a rolling restart is not seen by any client");

    let killed = servers[1].take().unwrap();
    killed.signal("KILL");
    drop(killed);
    tokio::time::sleep(Duration::from_millis(700)).await;
    servers[1] = Some(start(&database, ports[1]));
    tokio::time::sleep(Duration::from_millis(500)).await;
    seen.stop.store(true, Ordering::Relaxed);
    storm.join_all().await;

    let failed = seen.failed.load(Ordering::Relaxed);
    assert!(failed <= CLIENTS, "only what was on the dying sockets may fail: {failed}");
    let created = seen.created.lock().unwrap().clone();
    assert!(created.len() > 100, "only {} were created", created.len());
    let user = User::new(&proxy.address, Some(&token("alice")));
    let kept = user.get(200, "/api/tasks").await.json();
    let mut titles = BTreeMap::new();
    for task in kept.as_array().unwrap() {
        let doubled = titles.insert(task["title"].as_str().unwrap().to_owned(), task["id"].as_i64().unwrap());
        assert_eq!(doubled, None, "{task}");
    }
    for (title, id) in &created {
        assert_eq!(titles.get(title), Some(id), "lost: {title}");
    }
    assert!(titles.len() - created.len() <= failed as usize);
}
