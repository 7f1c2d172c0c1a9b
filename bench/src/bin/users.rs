//! Sends the requests of many users: connections that mostly wait between their requests.
//!
//! wrk can wait too (`delay`), but then it checks every timer whenever it wakes up. With ten thousand connections it used 125 µs per request,
//! more than the server under test, and so measured its own queues. This program uses 30 µs. Its input is that of load.lua, as JSON, and
//! it prints the same line.
#![expect(clippy::expect_used, reason = "a failed measurement must stop the run")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The input, written by `Scenario` in src/load.rs.
#[derive(Deserialize)]
struct UserScenario {
    host: String,
    connections: u32,
    seconds: u64,
    seed: u64,
    users: u64,
    tasks: u64,
    task_step: u64,
    user_step: u64,
    /// The next task to delete.
    #[serde(rename = "first_deletable")]
    deletable: AtomicI64,
    readers: Vec<String>,
    writers: Vec<String>,
    deleter: String,
}

/// The results of one user or of all. Times are in microseconds.
#[derive(Default)]
struct Outcome {
    micros: Vec<u128>,
    refused: u64,
    broken: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let file = std::env::args().nth(1).expect("the path of the scenario");
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let scenario: Arc<UserScenario> = Arc::new(serde_json::from_str(&text).expect("a scenario"));
    // All connections are open before the first request is sent.
    let mut sockets = Vec::new();
    for _ in 0..scenario.connections {
        sockets.push(TcpStream::connect(&scenario.host).await.expect("a connection"));
    }
    let start = Instant::now();
    let users = sockets.into_iter().zip(1..).map(|(socket, number)| {
        let random = Random(((scenario.seed << 32) + number).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        tokio::spawn(run_user(scenario.clone(), socket, random))
    });
    let mut all = Outcome::default();
    for user in users.collect::<Vec<_>>() {
        let outcome = user.await.expect("a user's task");
        all.micros.extend(outcome.micros);
        all.refused += outcome.refused;
        all.broken += outcome.broken;
    }
    all.micros.sort_unstable();
    let percent = |part: usize| all.micros.get(all.micros.len() * part / 100).copied().unwrap_or_default();
    let line = serde_json::json!({
        "requests": all.micros.len(), "micros": start.elapsed().as_micros(),
        "p50": percent(50), "p95": percent(95), "p99": percent(99),
        "refused": all.refused, "broken": all.broken,
        "late": all.micros.iter().filter(|micros| **micros > 2_000_000).count(),
    });
    println!("RESULT {line}");
}

/// Sends the requests of one user until the time is over.
async fn run_user(scenario: Arc<UserScenario>, mut socket: TcpStream, mut random: Random) -> Outcome {
    let mut outcome = Outcome::default();
    let end = Instant::now() + Duration::from_secs(scenario.seconds);
    // The first requests are spread over a second, as if the users had been active before.
    let mut next = Instant::now() + Duration::from_millis(random.below(1000));
    while next < end {
        tokio::time::sleep_until(next.into()).await;
        let start = Instant::now();
        let (request, expected) = scenario.request(&mut random);
        match ask(&mut socket, &request).await {
            Ok(status) if status == expected => {}
            Ok(_) => outcome.refused += 1,
            Err(_) => {
                outcome.broken += 1;
                return outcome;
            }
        }
        outcome.micros.push(start.elapsed().as_micros());
        next = Instant::now() + Duration::from_millis(500 + random.below(1000));
    }
    outcome
}

/// Sends a request, reads its answer to the end, and returns its status.
async fn ask(socket: &mut TcpStream, request: &str) -> io::Result<u16> {
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(8192);
    while !is_complete(&answer) {
        if socket.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = answer.get(9..12).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Whether this is a complete answer: with a length, in chunks, or without a body.
fn is_complete(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if head.contains("\r\ntransfer-encoding: chunked") {
        return answer.ends_with(b"\r\n0\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    answer.len() >= end + 4 + length.unwrap_or(0)
}

impl UserScenario {
    /// Returns a random request of load.lua's workload `mixed`, and the expected status.
    fn request(&self, random: &mut Random) -> (String, u16) {
        let (user, task) = (random.below(self.users), random.below(self.tasks));
        let id = 1 + task * self.task_step + user * self.user_step;
        let of = |tokens: &[String]| usize::try_from(user).ok().and_then(|user| tokens.get(user).cloned());
        let (reader, writer) = (of(&self.readers), of(&self.writers));
        let (method, path, token, body, expected) = match random.below(100) {
            0..60 => ("GET", "/api/tasks".to_owned(), reader, "", 200),
            60..75 => ("GET", format!("/api/tasks/{id}"), reader, "", 200),
            75..85 => {
                ("POST", "/api/tasks".to_owned(), writer, r#"{"title":"Buy milk","description":"Two litres"}"#, 201)
            }
            85..95 => ("PATCH", format!("/api/tasks/{id}/complete"), reader, "", 200),
            95..99 => ("PUT", format!("/api/tasks/{id}"), reader, r#"{"title":"Buy oat milk","completed":true}"#, 200),
            _ => {
                let id = self.deletable.fetch_add(1, Relaxed);
                ("DELETE", format!("/api/tasks/{id}"), Some(self.deleter.clone()), "", 204)
            }
        };
        let (host, token, length) = (&self.host, token.unwrap_or_default(), body.len());
        let declared = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{declared}");
        (format!("{head}\r\n{body}"), expected)
    }
}

/// Generates random numbers, the same for each server of a round (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }
}
