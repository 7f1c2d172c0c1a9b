use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::ConnectionTimeouts;

/// How many connections may wait to be accepted. Linux lowers it to `net.core.somaxconn`, 4,096 by default.
const BACKLOG: i32 = 1024;

/// The send buffer of a connection in bytes. Linux doubles it, for its own bookkeeping.
///
/// Without it the system grows the buffer to 4 MiB for each client that does not read. The buffer also sets how exactly a slow
/// reader is seen: a blocked socket takes bytes again when a third of the doubled buffer is free, about 43 KiB at once. That
/// must stay below the 60 KiB that a client must take in a minute, or a client that just keeps the pace would be ended. On the
/// other side it bounds the speed of one connection, to about 1 MB a second over a distance of 100 ms.
const SEND_BUFFER: usize = 64 * 1024;

/// The receive buffer of a connection in bytes, doubled likewise. A body has at most 64 KiB.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Listens on this address. Each accepted connection inherits the options of the listening socket, which saves system calls
/// for each connection.
pub(in crate::server) fn listen(address: SocketAddr, timeouts: &ConnectionTimeouts) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    // Ends a connection whose client acknowledges nothing for this long, also if its receive window is closed (tcp(7)).
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(timeouts.unread))?;
    #[cfg(not(target_os = "linux"))]
    let _ = timeouts;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn accepted_connections_inherit_the_options() {
        let timeouts = ConnectionTimeouts { unread: Duration::from_secs(7), ..ConnectionTimeouts::default() };
        let listener = listen("127.0.0.1:0".parse().unwrap(), &timeouts).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert_eq!(accepted.send_buffer_size().unwrap(), 2 * SEND_BUFFER);
        assert_eq!(accepted.recv_buffer_size().unwrap(), 2 * RECEIVE_BUFFER);
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(timeouts.unread));
    }
}
