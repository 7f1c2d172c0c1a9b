use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection::{Connection, End};
use super::count::Counted;

/// The answer to a head that is late, as the HTTP library answers it for a connection's first request.
const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A connection's socket. It reports what passes through it to its [`Connection`].
pub(super) struct Socket {
    stream: TcpStream,
    connection: Rc<Connection>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, connection: Rc<Connection>, counted: Counted) -> Self {
        connection.count(counted);
        Self { stream, connection }
    }

    pub(super) fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.connection)
    }

    /// Records the outcome of a write.
    fn written(&self, outcome: Poll<io::Result<usize>>, context: &Context<'_>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Ready(Ok(bytes)) => self.connection.bytes_written(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.connection.write_blocked(context),
        }
        outcome
    }

    /// Makes the close of the connection drop what the client has not taken. The system would go on to offer it.
    fn give_up(&self) -> io::Error {
        let _ = self.stream.set_zero_linger();
        io::ErrorKind::TimedOut.into()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.connection.ended() {
            None => {}
            Some(End::SlowReader) => return Poll::Ready(Err(self.give_up())),
            Some(End::LateHead) => {
                // No answer is under way, so nothing is cut in two. The end of the input makes the library close.
                let _ = self.stream.try_write(REQUEST_TIMEOUT);
                return Poll::Ready(Ok(()));
            }
        }
        if !self.connection.may_read() {
            // If there is no data, the stream wakes the task when there is.
            if Pin::new(&mut self.stream).poll_read_ready(context).is_ready() {
                self.connection.hold(context);
            }
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if outcome.is_pending() {
            self.connection.remember_waker(context);
        } else {
            let bytes = buffer.filled().len() - before;
            self.connection.bytes_arrived(bytes);
            if bytes == 0 && self.connection.has_stream() {
                // The library would go on to write to a client that has gone.
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        outcome
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.connection.ended() == Some(End::SlowReader) {
            return Poll::Ready(Err(self.give_up()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(outcome, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
