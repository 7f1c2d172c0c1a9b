//! A client that reads a very long list repeatedly, as fast as it arrives.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

/// The client, on a thread of its own.
pub(crate) struct LongListReader {
    stops: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<u32>>,
}

impl LongListReader {
    /// Starts to read the list of this token's user.
    pub(crate) fn start(host: String, token: String) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let should_stop = Arc::clone(&stops);
        let thread = spawn(move || {
            let mut lists = 0;
            while !should_stop.load(Ordering::Relaxed) {
                read_list(&host, &token)?;
                lists += 1;
            }
            Ok(lists)
        });
        Self { stops, thread }
    }

    /// Stops after the current list. Returns how many lists were read completely.
    pub(crate) fn stop(self) -> u32 {
        self.stops.store(true, Ordering::Relaxed);
        self.thread.join().expect("the reader ends").expect("every list is read to its end")
    }
}

fn read_list(host: &str, token: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "GET /api/tasks HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )?;
    let (mut buffer, mut last) = (vec![0; 1 << 16], Vec::new());
    let mut is_first = true;
    loop {
        let count = stream.read(&mut buffer)?;
        if std::mem::take(&mut is_first) && !buffer[..count].starts_with(b"HTTP/1.1 200") {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if count == 0 {
            // The end of the array, or of the last chunk of the answer.
            let ended = last.ends_with(b"]") || last.ends_with(b"0\r\n\r\n");
            return if ended { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        last.extend_from_slice(&buffer[..count]);
        last.drain(..last.len().saturating_sub(8));
    }
}
