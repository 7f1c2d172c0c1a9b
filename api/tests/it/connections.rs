//! Connections: how slow they may be, how many there may be, and what they may hold.

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use api::config::ConnectionTimeouts;
use testing::{Backend, TestDatabase, on_both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::program::Program;
use crate::support::{SECRET, TestApp, token, tools};

/// Longer than anything that is waited for takes on a slow machine.
const LONG: Duration = Duration::from_mins(1);

/// A connection without an HTTP client.
struct Connection {
    writing: OwnedWriteHalf,
    answers: Answers,
}

/// What the server sends on a connection.
struct Answers {
    reading: OwnedReadHalf,
    received: Vec<u8>,
}

impl Connection {
    async fn open(host_and_port: &str) -> Self {
        Self::over(TcpStream::connect(host_and_port).await.unwrap())
    }

    /// Opens a connection whose system takes only a few KiB before the client reads.
    async fn open_with_small_buffer(host_and_port: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(socket.connect(host_and_port.parse().unwrap()).await.unwrap())
    }

    fn over(stream: TcpStream) -> Self {
        let (reading, writing) = stream.into_split();
        Self { writing, answers: Answers { reading, received: Vec::new() } }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.writing.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Returns the status and the body of the next answer.
    async fn answer(&mut self) -> (u16, String) {
        self.answers.next().await
    }

    /// Returns what arrives until the server ends the connection.
    async fn until_end(mut self) -> String {
        timeout(LONG, self.answers.reading.read_to_end(&mut self.answers.received))
            .await
            .expect("the connection is still open")
            .unwrap();
        String::from_utf8(self.answers.received).unwrap()
    }
}

/// Waits until the server ends a connection. Only a write shows it, because what has arrived is read first.
async fn until_reset(writing: &OwnedWriteHalf) {
    let reset = async {
        while writing.try_write(b"x").is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, reset).await.expect("the connection is still open");
}

impl Answers {
    /// Returns the status and the body of the next answer.
    async fn next(&mut self) -> (u16, String) {
        loop {
            if let Some((status, head, length)) = self.head()
                && self.received.len() >= head + length
            {
                let body = String::from_utf8(self.received[head..head + length].to_vec()).unwrap();
                self.received.drain(..head + length);
                return (status, body);
            }
            let read = timeout(LONG, self.reading.read_buf(&mut self.received)).await.expect("no answer").unwrap();
            assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&self.received));
        }
    }

    /// Returns the status of the next answer, and the lengths of its head and its body.
    fn head(&self) -> Option<(u16, usize, usize)> {
        let end = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let head = str::from_utf8(&self.received[..end]).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        Some((head[9..12].parse().unwrap(), end, length.map_or(0, |length| length.parse().unwrap())))
    }
}

fn request(line: &str, rest: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{rest}", token("alice"))
}

fn list(query: &str) -> String {
    request(&format!("GET /api/tasks{query}"), "\r\n")
}

fn create(title: &str) -> String {
    let body = format!(r#"{{"title":"{title}"}}"#);
    request("POST /api/tasks", &format!("Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn create_in_chunks(title: &str) -> String {
    let end = format!(r#""{title}"}}"#);
    let chunks = format!("9\r\n{{\"title\":\r\n{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
    request("POST /api/tasks", &format!("Transfer-Encoding: chunked\r\n\r\n{chunks}"))
}

/// Makes this many tasks of alice, each with a description of 1,000 characters.
async fn seed_large_tasks(database: &TestDatabase, tasks: u32) {
    let description = format!("'{}'", "d".repeat(1000));
    testing::seed(&database.connect().await, tasks, &[("description", &description)]).await;
}

async fn with_timeouts(timeouts: ConnectionTimeouts) -> TestApp {
    TestApp::with_timeouts(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), timeouts).await
}

const SWEEP: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_each_request_has_a_time_limit_and_is_then_answered_408() {
    let app = with_timeouts(ConnectionTimeouts {
        head: Duration::from_secs(1),
        sweep_every: SWEEP,
        ..ConnectionTimeouts::default()
    })
    .await;
    for begin in ["G", "GET /api/tasks HTTP/1.1\r\nHost: x\r\n", "\r\n"] {
        let mut first = Connection::open(app.host_and_port()).await;
        first.send(begin).await;
        assert!(first.until_end().await.starts_with("HTTP/1.1 408 "), "{begin:?}");

        let mut later = Connection::open(app.host_and_port()).await;
        for _ in 0..2 {
            later.send(list("")).await;
            assert_eq!(later.answer().await, (200, "[]".to_owned()));
        }
        later.send(begin).await;
        assert!(later.until_end().await.starts_with("HTTP/1.1 408 "), "{begin:?}");
    }

    let mut dripping = Connection::open(app.host_and_port()).await;
    dripping.send(list("")).await;
    dripping.answer().await;
    dripping.send("GET /").await;
    let drip = async {
        while dripping.writing.write_all(b"x").await.is_ok() {
            sleep(SWEEP).await;
        }
    };
    timeout(LONG, drip).await.expect("a head can be sent for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_late_body_nor_a_pause_between_requests_is_taken_for_a_late_head() {
    let head = Duration::from_millis(500);
    let app = with_timeouts(ConnectionTimeouts { head, sweep_every: SWEEP, ..ConnectionTimeouts::default() }).await;
    let mut connection = Connection::open(app.host_and_port()).await;
    for request in [create("a"), create_in_chunks("b")] {
        // The last byte belongs to the body.
        let (begin, end) = request.split_at(request.len() - 1);
        connection.send(begin).await;
        sleep(3 * head).await;
        connection.send(end).await;
        assert_eq!(connection.answer().await.0, 201);
        sleep(3 * head).await;
        connection.send(list("")).await;
        assert_eq!(connection.answer().await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_sent_while_an_answer_is_being_read_is_not_late() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    seed_large_tasks(&database, 1000).await;
    let head = Duration::from_millis(500);
    let timeouts = ConnectionTimeouts { head, sweep_every: SWEEP, ..ConnectionTimeouts::default() };
    let app = TestApp::with_timeouts(database, timeouts).await;
    let mut connection = Connection::open_with_small_buffer(app.host_and_port()).await;
    connection.send(list("?limit=1000")).await;
    let next = list("?limit=1");
    let (begin, end) = next.split_at(20);
    connection.send(begin).await;
    sleep(3 * head).await;
    assert!(connection.answer().await.1.len() > 1_000_000);
    connection.send(end).await;
    assert_eq!(connection.answer().await.0, 200);
}

#[on_both_databases]
async fn requests_that_are_sent_ahead_are_all_answered_in_order(app: TestApp) {
    let Connection { mut writing, mut answers } = Connection::open(app.host_and_port()).await;
    // Far more than the server reads ahead, and bodies as long as they may be.
    let rounds = 60;
    let filler = "x".repeat(60_000);
    let round = |number: u32| {
        let long = format!(r#"{{"title":"long {number}","filler":"{filler}"}}"#);
        let in_length = format!("Content-Length: {}\r\n\r\n{long}", long.len());
        let in_chunks = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
        [
            create(&format!("short {number}")),
            request("POST /api/tasks", if number.is_multiple_of(2) { &in_length } else { &in_chunks }),
            list("?limit=1"),
            create_in_chunks(&format!("last {number}")),
        ]
        .concat()
    };
    let requests: String = (0..rounds).map(round).collect();
    let all_answers = async {
        for number in 0..rounds {
            assert_eq!(answers.next().await.0, 201);
            assert_eq!(answers.next().await.0, 201);
            let (status, newest) = answers.next().await;
            assert!(status == 200 && newest.contains(&format!("long {number}")), "{status} {newest}");
            assert_eq!(answers.next().await.0, 201);
        }
    };
    let (sent, ()) = tokio::join!(writing.write_all(requests.as_bytes()), all_answers);
    sent.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_ahead_and_reads_nothing_takes_neither_processor_time_nor_memory() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("BETTER_AUTH_SECRET", SECRET)]);
    let alice = program.bearer(&token("alice"));
    for _ in 0..20 {
        let task = serde_json::json!({ "title": "t", "description": "d".repeat(1000) });
        alice.post(201, "/api/tasks", task).await;
    }
    let before = program.peak_memory_kib();
    let address = program.address().trim_start_matches("http://");
    // The second answer has no body, so that the library does not wait for its delivery.
    for line in
        [list(""), "OPTIONS /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), create("t"), create_in_chunks("t")]
    {
        let requests = line.repeat(16_000_000 / line.len());
        let mut connection = Connection::open_with_small_buffer(address).await;
        let sent = timeout(Duration::from_secs(5), connection.writing.write_all(requests.as_bytes())).await;
        assert!(sent.is_err(), "the server reads without an end");
        let quiet = async {
            loop {
                let before = program.processor_time();
                sleep(Duration::from_secs(1)).await;
                if program.processor_time().saturating_sub(before) < Duration::from_millis(100) {
                    return;
                }
            }
        };
        timeout(LONG, quiet).await.unwrap_or_else(|_| panic!("{:?} keeps the server busy", &line[..20]));
    }
    let grown = program.peak_memory_kib() - before;
    assert!(grown < 16 * 1024, "{grown} KiB");
    alice.get(200, "/api/tasks").await;
}

#[on_both_databases]
async fn a_client_that_takes_nothing_of_its_answer_is_disconnected(database: TestDatabase) {
    seed_large_tasks(&database, 1000).await;
    let timeouts = ConnectionTimeouts { unread: Duration::from_secs(1), ..ConnectionTimeouts::default() };
    let app = TestApp::with_timeouts(database, timeouts).await;
    for query in ["?limit=1000", ""] {
        let mut connection = Connection::open_with_small_buffer(app.host_and_port()).await;
        connection.send(list(query)).await;
        until_reset(&connection.writing).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_less_than_a_kib_a_second_is_disconnected_and_a_faster_one_gets_all() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    seed_large_tasks(&database, 1000).await;
    let slow_reader = Duration::from_secs(2);
    let timeouts = ConnectionTimeouts { slow_reader, sweep_every: SWEEP, ..ConnectionTimeouts::default() };
    let app = TestApp::with_timeouts(database, timeouts).await;

    let mut slow = Connection::open_with_small_buffer(app.host_and_port()).await;
    slow.send(list("?limit=1000")).await;
    let Connection { writing, mut answers } = slow;
    let reading = tokio::spawn(async move {
        while answers.reading.read_u8().await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    until_reset(&writing).await;
    reading.abort();

    let mut fast = Connection::open_with_small_buffer(app.host_and_port()).await;
    fast.send(list("?limit=1000")).await;
    let (mut received, began) = (0, Instant::now());
    while received < 1_200_000 {
        let mut part = [0; 8192];
        received += fast.answers.reading.read_exact(&mut part).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() > slow_reader, "the client was not slow enough to be checked");
}

#[on_both_databases]
async fn answers_that_wait_for_their_client_share_a_memory_and_other_users_have_theirs(database: TestDatabase) {
    seed_large_tasks(&database, 1000).await;
    let connection = database.connect().await;
    testing::seed(&connection, 1000, &[("user_id", "'bob'"), ("description", "'d'")]).await;
    let app = TestApp::with(database, &[]).await;
    let mut waiting = Vec::new();
    // Each answer has 1.2 MB, and a user has 16 MiB.
    loop {
        let mut connection = Connection::open_with_small_buffer(app.host_and_port()).await;
        connection.send(list("?limit=1000")).await;
        let mut begin = [0; 12];
        connection.answers.reading.read_exact(&mut begin).await.unwrap();
        if &begin == b"HTTP/1.1 429" {
            break;
        }
        assert_eq!(&begin, b"HTTP/1.1 200");
        waiting.push(connection);
    }
    assert!((8..16).contains(&waiting.len()), "{} answers", waiting.len());
    let alice = app.user("alice");
    let refused = alice.get(429, "/api/tasks?limit=1000").await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("busy", "1"));
    alice.get(200, "/api/tasks?limit=100").await;
    app.user("bob").get(200, "/api/tasks?limit=1000").await;
    drop(waiting);
    alice.get(200, "/api/tasks?limit=1000").await;
}

/// Returns an address of this machine that is not a loopback address, or `None` if it has none. No packet is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().unwrap().ip()).filter(|address| !address.is_loopback())
}

/// Returns whether the server accepts another connection from this address.
async fn is_served(host_and_port: &str) -> Option<Connection> {
    let mut connection = Connection::open(host_and_port).await;
    connection.send(list("")).await;
    let mut byte = [0];
    let is_served = matches!(connection.answers.reading.peek(&mut byte).await, Ok(1));
    is_served.then_some(connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_a_limit_of_connections_except_on_this_machine_or_behind_a_trusted_proxy() {
    let Some(own) = own_address() else {
        return tools::not_run("a test needs an address that is not a loopback address");
    };
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::with(database, &[("HOST", "0.0.0.0"), ("MAX_CONNECTIONS_PER_ADDRESS", "2")]).await;
    let at = |host: &str| format!("{host}:{}", app.host_and_port().rsplit_once(':').unwrap().1);
    let (first, second) = (is_served(&at(&own.to_string())).await, is_served(&at(&own.to_string())).await);
    assert!(first.is_some() && second.is_some());
    assert!(is_served(&at(&own.to_string())).await.is_none());
    let mut local = Vec::new();
    for _ in 0..4 {
        local.push(is_served(&at("127.0.0.1")).await.unwrap());
    }
    drop(first);
    let again = async {
        while is_served(&at(&own.to_string())).await.is_none() {
            sleep(SWEEP).await;
        }
    };
    timeout(LONG, again).await.expect("a closed connection is still counted");

    let settings = [("HOST", "0.0.0.0"), ("MAX_CONNECTIONS_PER_ADDRESS", "2"), ("TRUST_FORWARDED_FOR", "true")];
    let app = app.with_settings(&settings).await;
    let port = app.host_and_port().rsplit_once(':').unwrap().1;
    let mut proxied = Vec::new();
    for _ in 0..4 {
        proxied.push(is_served(&format!("{own}:{port}")).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_events_does_not_count_as_a_connection_of_its_address() {
    let Some(own) = own_address() else {
        return tools::not_run("a test needs an address that is not a loopback address");
    };
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::with(database, &[("HOST", "0.0.0.0"), ("MAX_CONNECTIONS_PER_ADDRESS", "2")]).await;
    let alice = app.user_at(&own.to_string(), "alice");
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(alice.listen("").await);
    }
    alice.get(200, "/api/tasks").await;
}
