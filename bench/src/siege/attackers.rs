//! The clients of an attack.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use tokio::net::TcpSocket;

use super::attack::Behaviour;
use super::http::{Connection, address, request, status};
use super::target::{Counts, StopFlag};

/// The pause after a refusal. Without it the attack would be a flood of cheap requests, against which there are rate limits.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a client that hangs up waits before it does, and before its next connection.
const HANG_UP: Duration = Duration::from_millis(50);
const NEXT_CALL: Duration = Duration::from_millis(150);

/// The most priorities in one list: the request's line has at most 64 KiB.
const PRIORITIES: u32 = 16_000;

/// The pause between the first requests of two clients that read nothing, so that the server has built one answer when the next
/// is due.
const NEXT_UNREAD: Duration = Duration::from_millis(20);

/// The receive buffer of a client that reads nothing, in bytes. What does not fit into it stays in the server.
const RECEIVE_BUFFER: u32 = 4096;

/// The running clients.
pub(super) enum Attackers {
    /// Clients that send requests all the time.
    Active { stop: StopFlag, clients: Vec<JoinHandle<Counts>> },
    /// Connections that wait.
    Waiting { connections: Vec<TcpStream>, refused: u64 },
}

impl Attackers {
    pub(super) async fn start(behaviour: Behaviour, port: u16) -> Self {
        match behaviour {
            Behaviour::Repeat { clients, request } => {
                Self::active(clients, move |stop| repeat(port, || request.clone(), stop))
            }
            Behaviour::HangUp { clients, request } => Self::active(clients, move |stop| hang_up(port, &request, stop)),
            Behaviour::Priorities { clients, token } => {
                let count = Arc::new(AtomicU32::new(0));
                Self::active(clients, move |stop| {
                    // 7,919 is a prime number: all lengths have their turn, in no order.
                    let next = || count.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % PRIORITIES;
                    repeat(port, || priorities(next() + 1, &token), stop)
                })
            }
            Behaviour::Unread { clients, request } => Self::waiting(clients, port, &request, NEXT_UNREAD).await,
            Behaviour::HalfSent { clients, request } => {
                let attackers = Self::waiting(clients, port, &request, Duration::ZERO).await;
                if let Self::Waiting { connections, .. } = &attackers {
                    // The byte belongs to the head of a second request, because the server has answered the first one by then.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    for connection in connections {
                        // A connection that the server has closed stays as it is.
                        let _ = connection.try_clone().and_then(|mut open| io::Write::write_all(&mut open, b"G"));
                    }
                }
                attackers
            }
        }
    }

    fn active(clients: u32, act: impl Fn(&StopFlag) -> Counts + Clone + Send + 'static) -> Self {
        let stop = StopFlag::default();
        let client = |_| {
            let (act, stop) = (act.clone(), stop.clone());
            spawn(move || act(&stop))
        };
        Self::Active { clients: (0..clients).map(client).collect(), stop }
    }

    async fn waiting(clients: u32, port: u16, request: &str, pause: Duration) -> Self {
        let (mut connections, mut refused) = (Vec::new(), 0);
        for _ in 0..clients {
            match waiting(port, request).await {
                Ok(connection) => connections.push(connection),
                Err(_) => refused += 1,
            }
            tokio::time::sleep(pause).await;
        }
        Self::Waiting { connections, refused }
    }

    /// Ends all clients and returns their answers by status.
    pub(super) fn stop(self) -> Counts {
        let mut all = Counts::default();
        match self {
            Self::Active { stop, clients } => {
                stop.stop();
                for client in clients {
                    all.merge(client.join().expect("a client ends"));
                }
            }
            Self::Waiting { connections, refused } => {
                for mut connection in connections {
                    let mut begin = [0; 12];
                    match connection.read(&mut begin).and_then(|count| status(&begin[..count])) {
                        Ok(status) => all.add(status.to_string()),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => all.add("no answer"),
                        Err(_) => all.add("closed"),
                    }
                }
                (0..refused).for_each(|_| all.add("refused"));
            }
        }
        all
    }
}

async fn waiting(port: u16, request: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let connection = tokio::time::timeout(Duration::from_secs(2), socket.connect(address(port))).await??;
    // Reads do not wait: the socket stays in that mode of an asynchronous one.
    let mut connection = connection.into_std()?;
    io::Write::write_all(&mut connection, request.as_bytes())?;
    Ok(connection)
}

/// Sends requests, each as soon as the last one is answered.
fn repeat(port: u16, next: impl Fn() -> String, stop: &StopFlag) -> Counts {
    let mut counts = Counts::default();
    let mut connection = None;
    while stop.is_running() {
        let asked = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(port),
        };
        let asked = asked.and_then(|mut open: Connection| {
            let answer = open.ask(&next(), || stop.is_running())?;
            Ok((open, answer))
        });
        match asked {
            Ok((open, answer)) => {
                counts.add(format!("{}{}", answer.status, if answer.is_cut { " cut" } else { "" }));
                connection = (!answer.closes && !answer.is_cut).then_some(open);
                if !(200..300).contains(&answer.status) || answer.is_cut {
                    sleep(PAUSE);
                }
            }
            Err(error) if error.kind() == ErrorKind::TimedOut && !stop.is_running() => counts.add("unfinished"),
            Err(_) => {
                counts.add("broken");
                sleep(PAUSE);
            }
        }
    }
    counts
}

/// Sends requests and closes each connection soon after.
fn hang_up(port: u16, request: &str, stop: &StopFlag) -> Counts {
    let mut counts = Counts::default();
    while stop.is_running() {
        let sent = Connection::open(port).and_then(|mut open| {
            open.send(request)?;
            sleep(HANG_UP);
            Ok(())
        });
        counts.add(if sent.is_ok() { "hung up" } else { "broken" });
        sleep(NEXT_CALL);
    }
    counts
}

fn priorities(count: u32, token: &str) -> String {
    let list = vec!["low"; usize::try_from(count).expect("a length")].join(",");
    request("GET", &format!("/api/tasks?priority={list}"), token, "", "")
}
