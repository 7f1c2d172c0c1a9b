//! A client of the attacks: requests and answers over a plain socket.
//!
//! It uses threads and blocking reads, because it must cost little beside the server: the standard library is optimized also in a
//! debug build, and an asynchronous runtime is not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How often a client that waits for an answer checks whether it should still wait.
const CHECK: Duration = Duration::from_millis(100);

/// The end of the last chunk of an answer's data, the chunk of length zero, and the end of the answer.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A connection that is kept open.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, without its body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether the connection ended before the body did.
    pub(super) is_cut: bool,
    /// Whether the server closes the connection.
    pub(super) closes: bool,
}

impl Connection {
    pub(super) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address(port), Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CHECK))?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        Ok(Self { stream, buffer: vec![0; 1 << 16] })
    }

    /// Sends a request and returns without waiting for its answer.
    pub(super) fn send(&mut self, request: &str) -> io::Result<()> {
        self.stream.write_all(request.as_bytes())
    }

    /// Sends a request and reads its answer to the end. Fails with `TimedOut` once `may_wait` returns `false`.
    pub(super) fn ask(&mut self, request: &str, may_wait: impl Fn() -> bool) -> io::Result<Answer> {
        self.send(request)?;
        let mut head = Vec::new();
        let body = loop {
            let count = self.read(&may_wait)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&self.buffer[..count]);
            if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                break head.split_off(end + 4);
            }
        };
        let mut answer = Answer { status: status(&head)?, is_cut: false, closes: has(&head, "connection: close") };
        let length = length(&head);
        let mut count = body.len();
        let mut tail = body;
        while length.map_or_else(|| !tail.ends_with(LAST_CHUNK) && tail != LAST_CHUNK[2..], |length| count < length) {
            let read = match self.read(&may_wait) {
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(error),
                Err(_) | Ok(0) => {
                    answer.is_cut = true;
                    break;
                }
                Ok(read) => read,
            };
            count += read;
            tail.extend_from_slice(&self.buffer[read.saturating_sub(LAST_CHUNK.len())..read]);
            tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
        }
        Ok(answer)
    }

    fn read(&mut self, may_wait: &impl Fn() -> bool) -> io::Result<usize> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if !may_wait() {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                result => return result,
            }
        }
    }
}

/// Returns the text of a request. `headers` are whole lines.
pub(super) fn request(method: &str, path: &str, token: &str, headers: &str, body: &str) -> String {
    let declared = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{headers}{declared}\r\n{body}"
    )
}

/// Returns the address of a server on this machine.
pub(super) fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Returns the status of an answer, from its head or the begin of it.
pub(super) fn status(head: &[u8]) -> io::Result<u16> {
    let digits = head.starts_with(b"HTTP/1.1 ").then(|| head.get(9..12)).flatten();
    let status = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    status.ok_or_else(|| ErrorKind::InvalidData.into())
}

fn has(head: &[u8], line: &str) -> bool {
    lines(head).any(|other| other == line)
}

/// Returns the length of the body, or `None` if it comes in chunks.
fn length(head: &[u8]) -> Option<usize> {
    if has(head, "transfer-encoding: chunked") {
        return None;
    }
    Some(lines(head).find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0))
}

/// Returns the lines of a head, in lower case.
fn lines(head: &[u8]) -> impl Iterator<Item = String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.split("\r\n").map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn asked(parts: &'static [&str]) -> io::Result<Answer> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]).unwrap();
            for part in parts {
                stream.write_all(part.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let answer = Connection::open(port).unwrap().ask(&request("GET", "/", "", "", ""), || true);
        server.join().unwrap();
        answer
    }

    #[test]
    fn an_answer_ends_after_its_length() {
        let answer = asked(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1,", "2]"]).unwrap();
        assert_eq!(answer, Answer { status: 200, is_cut: false, closes: false });
        let answer = asked(&["HTTP/1.1 503 X\r\nContent-", "Length: 2\r\nConnection: close\r\n\r\n[]"]).unwrap();
        assert_eq!(answer, Answer { status: 503, is_cut: false, closes: true });
        assert!(!asked(&["HTTP/1.1 204 No Content\r\n\r\n"]).unwrap().is_cut);
    }

    #[test]
    fn an_answer_in_chunks_ends_with_an_empty_chunk() {
        const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(!asked(&[HEAD, "2\r\n[]\r\n", "0\r\n", "\r\n"]).unwrap().is_cut);
        assert!(!asked(&[HEAD, "0\r\n\r\n"]).unwrap().is_cut);
    }

    #[test]
    fn an_answer_that_ends_too_early_is_cut() {
        assert!(asked(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"]).unwrap().is_cut);
        assert!(asked(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1"]).unwrap().is_cut);
        assert!(asked(&["HTTP/1.1 200 OK\r\nContent-"]).is_err());
        assert!(asked(&[]).is_err());
    }
}
