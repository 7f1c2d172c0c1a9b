//! Several servers on one database, behind a real proxy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use testing::{Backend, TestDatabase};
use tokio::task::JoinSet;

use crate::support::program::Program;
use crate::support::tools::{self, Daemon, free_port};
use crate::support::{SECRET, User, token};

/// The name of the socket at which the proxy takes commands.
const ADMIN_SOCKET: &str = "admin";

pub struct Proxy {
    _daemon: Daemon,
    pub address: String,
    folder: TempDir,
}

/// What the proxy reports about one server.
pub struct Backing {
    pub is_up: bool,
    is_down: bool,
    /// How many of its answers had a status of 2xx.
    successes: u64,
}

/// Starts `HAProxy` in front of these ports and waits until it has found all of them ready.
///
/// A server that is not ready gets no requests. A request that cannot connect goes to another server.
///
/// - A busy machine may answer a check late, which does not mean that the server must not be used: a check has five seconds, and three
///   must fail before a server is taken out. A server that stops says so at once, so this takes 600 ms, well within `STOP_DELAY`.
/// - Its buffers are small, so that a server notices a slow reader.
/// - With one thread, the proxy learns that a connection is closed before it reads a request that came later.
pub async fn proxy(ports: &[u16]) -> Option<Proxy> {
    let program = tools::find("haproxy", "haproxy")?;
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let admin = folder.path().join(ADMIN_SOCKET).display().to_string();
    let mut config = format!(
        "global\n nbthread 1\n stats socket {admin} level admin\n \
         tune.sndbuf.client 16384\n tune.rcvbuf.server 16384\n\
         defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n timeout check 5s\n retries 3\n\
         option redispatch\n retry-on conn-failure\n\
         frontend in\n bind 127.0.0.1:{port}\n stats enable\n stats uri /proxy\n default_backend api\n\
         backend api\n option httpchk GET /health/ready\n default-server check inter 200ms fall 3 rise 1\n"
    );
    for (number, port) in ports.iter().enumerate() {
        writeln!(config, " server s{number} 127.0.0.1:{port}").unwrap();
    }
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, config).unwrap();
    let child = Command::new(program).arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let proxy = Proxy { _daemon: Daemon(child), address: format!("http://127.0.0.1:{port}"), folder };
    until("the proxy listens", async || reqwest::get(format!("{}/proxy", proxy.address)).await.is_ok()).await;
    for number in 0..ports.len() {
        until("the proxy finds every server ready", async || proxy.server(number).await.is_up).await;
    }
    Some(proxy)
}

impl Proxy {
    /// Cuts all connections with one server.
    pub fn cut_off(&self, number: usize) {
        let mut admin = UnixStream::connect(self.folder.path().join(ADMIN_SOCKET)).unwrap();
        admin.write_all(format!("shutdown sessions server api/s{number}\n").as_bytes()).unwrap();
        admin.read_to_end(&mut Vec::new()).unwrap();
    }

    pub async fn server(&self, number: usize) -> Backing {
        let table = reqwest::get(format!("{}/proxy;csv", self.address)).await.unwrap().text().await.unwrap();
        let mut rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let names = rows.next().unwrap();
        let server = format!("s{number}");
        let row = rows.find(|row| row.get(1) == Some(&server.as_str())).unwrap();
        let field = |name| row[names.iter().position(|column| *column == name).unwrap()];
        let status = field("status");
        Backing {
            is_up: status == "UP" && field("check_status").contains("L7OK"),
            is_down: status.starts_with("DOWN"),
            successes: field("hrsp_2xx").parse().unwrap(),
        }
    }

    /// Waits until this server is in use again and has answered requests.
    async fn until_it_serves(&self, number: usize) {
        until("the server is up again", async || self.server(number).await.is_up).await;
        let before = self.server(number).await.successes;
        until("the server gets requests again", async || self.server(number).await.successes > before + 20).await;
    }

    async fn until_it_is_out(&self, number: usize) {
        until("the proxy takes the server out", async || self.server(number).await.is_down).await;
    }
}

/// Waits for an event; fails only if it does not come at all.
pub async fn until(event: &str, mut has_come: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !has_come().await {
        assert!(Instant::now() < deadline, "waited in vain: {event}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `SHUTDOWN_DELAY_SECONDS`: eight times what the proxy needs to notice.
const STOP_DELAY: &str = "5";

fn start(database: &TestDatabase, port: u16) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url().to_owned()),
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("PORT", port.to_string()),
        ("SHUTDOWN_DELAY_SECONDS", STOP_DELAY.to_owned()),
        ("RATE_LIMIT_PER_SECOND", "0".to_owned()),
    ];
    Program::start(folder.path(), variables)
}

/// What the clients see while they create tasks one after another.
#[derive(Default)]
struct Seen {
    created: Mutex<BTreeMap<String, i64>>,
    /// When each request that failed was begun, and what came of it.
    failed: Mutex<Vec<(Instant, String)>>,
    /// A server is being killed. A client whose request failed begins no other until the server is gone: a process that dies closes
    /// its sockets one after another, so a second request could reach one that is still open.
    is_dying: AtomicBool,
    stop: AtomicBool,
}

impl Seen {
    async fn until_more_are_created(&self) {
        let goal = self.created.lock().unwrap().len() + 50;
        until("more tasks are created", async || self.created.lock().unwrap().len() >= goal).await;
    }
}

const CLIENTS: usize = 8;

async fn create(user: &User, title: &str) -> Result<i64, String> {
    let request = user.request(Method::POST, "/api/tasks").json(&json!({ "title": title }));
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    if answer.status() != 201 {
        return Err(format!("{} {:?}", answer.status(), answer.text().await));
    }
    let task: serde_json::Value = answer.json().await.map_err(|error| format!("{error:?}"))?;
    Ok(task["id"].as_i64().unwrap())
}

fn storm(proxy: &Proxy, seen: &Arc<Seen>) -> JoinSet<()> {
    let mut storm = JoinSet::new();
    for client in 0..CLIENTS {
        let (user, seen) = (User::new(&proxy.address, Some(&token("alice"))), Arc::clone(seen));
        storm.spawn(async move {
            for number in 0.. {
                if seen.stop.load(Ordering::SeqCst) {
                    break;
                }
                let (title, begun) = (format!("{client}-{number}"), Instant::now());
                match create(&user, &title).await {
                    Ok(id) => _ = seen.created.lock().unwrap().insert(title, id),
                    Err(problem) => {
                        seen.failed.lock().unwrap().push((begun, problem));
                        while seen.is_dying.load(Ordering::SeqCst) {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
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
    seen.until_more_are_created().await;

    // A rolling restart: not ready first, then requests in flight are finished.
    let stopping = servers[0].take().unwrap();
    stopping.signal("TERM");
    let stopped = tokio::task::spawn_blocking(move || stopping.wait().0);
    proxy.until_it_is_out(0).await;
    assert!(!stopped.is_finished(), "the server serves until the proxy has taken it out");
    assert_eq!(stopped.await.unwrap(), Some(0));
    seen.until_more_are_created().await;
    servers[0] = Some(start(&database, ports[0]));
    proxy.until_it_serves(0).await;
    seen.until_more_are_created().await;
    let failed = seen.failed.lock().unwrap().clone();
    assert!(failed.is_empty(), "a rolling restart is not seen by any client: {failed:#?}");

    let killed = servers[1].take().unwrap();
    seen.is_dying.store(true, Ordering::SeqCst);
    killed.signal("KILL");
    let code = tokio::task::spawn_blocking(move || killed.wait().0).await.unwrap();
    assert_eq!(code, None, "it was killed");
    let gone = Instant::now();
    seen.is_dying.store(false, Ordering::SeqCst);
    proxy.until_it_is_out(1).await;
    seen.until_more_are_created().await;
    servers[1] = Some(start(&database, ports[1]));
    proxy.until_it_serves(1).await;
    seen.until_more_are_created().await;
    seen.stop.store(true, Ordering::SeqCst);
    storm.join_all().await;

    let failed = seen.failed.lock().unwrap().clone();
    assert!(failed.len() <= CLIENTS, "only requests on the dying sockets may fail: {failed:#?}");
    assert!(failed.iter().all(|(begun, _)| *begun < gone), "no request fails that begins later: {failed:#?}");
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
    assert!(titles.len() - created.len() <= failed.len());
}
