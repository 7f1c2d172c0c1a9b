use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Instant;

use super::connection::{Connection, End};
use crate::config::ConnectionTimeouts;

/// The connections of one worker. A task looks at all of them once a second, because a timer for each connection would have to
/// be set for each request.
pub(super) struct Connections {
    watched: RefCell<Vec<Watched>>,
    timeouts: ConnectionTimeouts,
}

/// A connection and what the sweep has seen of it.
struct Watched {
    connection: Weak<Connection>,
    /// The head that was arriving at the last sweep, and when that was first seen.
    head: Option<(u32, Instant)>,
    /// Since when the client has not taken all that was offered, and how many bytes had been written then.
    blocked: Option<(u64, Instant)>,
}

impl Connections {
    /// Returns an empty list, and starts the task that sweeps it for as long as the list exists.
    pub(super) fn start(timeouts: ConnectionTimeouts) -> Rc<Self> {
        let this = Rc::new(Self { watched: RefCell::default(), timeouts });
        let weak = Rc::downgrade(&this);
        actix_web::rt::spawn(async move {
            loop {
                tokio::time::sleep(timeouts.sweep_every).await;
                let Some(this) = weak.upgrade() else { return };
                this.sweep(Instant::now());
            }
        });
        this
    }

    /// Adds a connection. It is removed by the first sweep after its end.
    pub(super) fn add(&self) -> Rc<Connection> {
        let connection = Rc::new(Connection::default());
        let watched = Watched { connection: Rc::downgrade(&connection), head: None, blocked: None };
        self.watched.borrow_mut().push(watched);
        connection
    }

    /// Ends the connections that are kept for streams.
    pub(super) fn end_streams(&self) {
        let connections =
            self.watched.borrow().iter().filter_map(|watched| watched.connection.upgrade()).collect::<Vec<_>>();
        for connection in connections.iter().filter(|connection| connection.has_stream()) {
            connection.end(End::SlowReader);
        }
    }

    fn sweep(&self, now: Instant) {
        let mut watched = self.watched.borrow_mut();
        watched.retain_mut(|watched| watched.check(&self.timeouts, now));
        // After a burst of connections.
        if watched.capacity() > 4 * watched.len().max(16) {
            watched.shrink_to_fit();
        }
    }
}

impl Watched {
    /// Ends the connection if it is too slow. Returns whether it still exists.
    fn check(&mut self, timeouts: &ConnectionTimeouts, now: Instant) -> bool {
        let Some(connection) = self.connection.upgrade() else { return false };
        self.head = connection.arriving_head().map(|number| match self.head {
            Some((known, since)) if known == number => (known, since),
            _ => (number, now),
        });
        if self.head.is_some_and(|(_, since)| now.duration_since(since) >= timeouts.head) {
            connection.end(End::LateHead);
        }
        let Some(written) = connection.blocked_at() else {
            self.blocked = None;
            return true;
        };
        let (before, since) = *self.blocked.get_or_insert((written, now));
        if now.duration_since(since) >= timeouts.slow_reader {
            if written.wrapping_sub(before) < timeouts.slow_reader_bytes() {
                connection.end(End::SlowReader);
            }
            self.blocked = Some((written, now));
        }
        true
    }
}
