use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use futures_util::stream;

use super::count::Counted;
use crate::extract::MAX_BODY_BYTES;

/// What the socket, the request layer and the sweep know of one connection. All of them run in the thread of its worker.
///
/// The fields are plain cells without a clock, because they are written for every request. The sweep adds the time.
#[derive(Default)]
pub(super) struct Connection {
    /// Whether the app has a request whose answer it has not handed over completely.
    is_busy: Cell<bool>,
    /// Whether bytes have arrived while the app had no request: the beginning of the next head.
    is_head_begun: Cell<bool>,
    /// The number of requests that the app has been given. It wraps around.
    requests: Cell<u32>,
    /// Whether the system took less than the last write offered.
    is_blocked: Cell<bool>,
    /// The number of bytes that the system has taken. It wraps around.
    written: Cell<u64>,
    /// How many more bytes may be read until the dispatcher has looked at those that it has. The last read may exceed it.
    burst: Cell<usize>,
    /// How many more bytes may be read while the app has a request. The last read may exceed it.
    ahead: Cell<usize>,
    /// Whether bytes have arrived that may not be read yet.
    is_held: Cell<bool>,
    /// Whether the connection is kept for a stream of events.
    has_stream: Cell<bool>,
    /// Counts the connection for its address.
    counted: Cell<Option<Counted>>,
    /// Set by the sweep to end the connection.
    end: Cell<Option<End>>,
    /// Wakes the task of the connection.
    waker: RefCell<Option<Waker>>,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The head of a request did not arrive in time.
    LateHead,
    /// The client reads its answers too slowly.
    SlowReader,
}

/// How many bytes are read at once. A usual head has less. The HTTP library would read 128 KiB and build all requests in it,
/// which takes several MiB for small ones.
const BURST: usize = 8 * 1024;
/// How many bytes of following requests are read while the app has one. Not zero, so that a reset connection is noticed. With
/// 128 KiB of them the HTTP library would wake itself again and again until the answer is taken, which kept a thread fully
/// busy for each such connection.
const AHEAD: usize = 4 * 1024;

impl Connection {
    /// Keeps the count of the connection until its end, or until it is kept for a stream.
    pub(super) fn count(&self, counted: Counted) {
        self.counted.set(Some(counted));
    }

    /// Returns whether the connection is kept for a stream, so that the end of the client's input is its end.
    pub(super) fn has_stream(&self) -> bool {
        self.has_stream.get()
    }

    /// Begins a turn of the library's dispatcher.
    pub(super) fn begin_turn(&self) {
        self.burst.set(BURST);
    }

    /// Returns whether more bytes may be read now. While the client does not take its answers, none are, because the HTTP
    /// library would go on to answer requests into a buffer without a limit.
    pub(super) fn may_read(&self) -> bool {
        if !self.is_busy.get() {
            self.ahead.set(AHEAD);
        }
        self.burst.get() > 0 && self.ahead.get() > 0 && !self.is_blocked.get()
    }

    /// Records that bytes have arrived that may not be read yet. The task is woken when they may.
    pub(super) fn hold(&self, context: &Context<'_>) {
        if self.burst.get() == 0 {
            context.waker().wake_by_ref();
        } else {
            self.is_held.set(true);
            self.remember_waker(context);
        }
    }

    /// Permits more bytes while the app has a request, because it waits for more of its body.
    fn expect_more(&self) {
        if self.ahead.get() == 0 {
            self.ahead.set(MAX_BODY_BYTES);
            self.release();
        }
    }

    /// Wakes the task if bytes were held.
    fn release(&self) {
        if self.is_held.take()
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Records bytes of the client. While a request is in the app they can belong to its body, whose time is limited by
    /// [`crate::extract`], or to requests that the client sends ahead, which wait for their turn.
    pub(super) fn bytes_arrived(&self, bytes: usize) {
        // The end of the input is no byte.
        if bytes == 0 {
            return;
        }
        self.burst.set(self.burst.get().saturating_sub(bytes));
        if self.is_busy.get() {
            self.ahead.set(self.ahead.get().saturating_sub(bytes));
        } else {
            self.is_head_begun.set(true);
        }
    }

    /// Records that the system took this many bytes.
    pub(super) fn bytes_written(&self, bytes: usize) {
        self.written.set(self.written.get().wrapping_add(bytes as u64));
        self.is_blocked.set(false);
        self.release();
    }

    /// Records that the system takes no bytes at the moment.
    pub(super) fn write_blocked(&self, context: &Context<'_>) {
        self.is_blocked.set(true);
        self.remember_waker(context);
    }

    /// Keeps the waker of the connection's task.
    pub(super) fn remember_waker(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        // It is always the same task, so this clones once.
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Returns the number of the head that is arriving, or `None` if none has begun, or if an answer has not been taken yet:
    /// then the head is not read.
    pub(super) fn arriving_head(&self) -> Option<u32> {
        let is_expected = self.is_head_begun.get() && !self.is_busy.get() && !self.is_blocked.get();
        is_expected.then(|| self.requests.get())
    }

    /// Returns the number of bytes written so far if the client has not taken all that was offered.
    pub(super) fn blocked_at(&self) -> Option<u64> {
        self.is_blocked.get().then(|| self.written.get())
    }

    /// Returns why the connection must end, if it must.
    pub(super) fn ended(&self) -> Option<End> {
        self.end.get()
    }

    /// Makes the next read or write of the connection end it, and wakes its task.
    pub(super) fn end(&self, reason: End) {
        self.end.set(Some(reason));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// Keeps the connection of a request for a stream of events, which has limits of its own: the connection no longer counts for
/// its address, and it ends as soon as the client ends its side. It must be closed after the stream.
pub(crate) fn keep_for_stream(request: &HttpRequest) {
    if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.has_stream.set(true);
        connection.counted.take();
    }
}

/// A request that is in the app, until this is dropped: with its answer, or with the last part of its answer's body.
pub(in crate::server) struct InFlight(Option<Rc<Connection>>);

impl InFlight {
    /// Records that the app has been given this request. A request of a test has no connection.
    pub(in crate::server) fn begin(request: &mut ServiceRequest) -> Self {
        let Some(connection) = request.conn_data::<Rc<Connection>>().cloned() else { return Self(None) };
        connection.is_busy.set(true);
        connection.is_head_begun.set(false);
        connection.requests.set(connection.requests.get().wrapping_add(1));
        if let Some(length) = request.headers().get(CONTENT_LENGTH) {
            let length: usize = length.to_str().ok().and_then(|length| length.parse().ok()).unwrap_or(0);
            connection.ahead.set(connection.ahead.get().saturating_add(length.min(MAX_BODY_BYTES + 1)));
        } else if request.headers().contains_key(TRANSFER_ENCODING) {
            // Its length is not known, so its bytes are read when the app asks for them.
            let (mut payload, connection) = (request.take_payload(), Rc::clone(&connection));
            let on_demand = stream::poll_fn(move |context| {
                let part = payload.poll_next_unpin(context);
                match &part {
                    Poll::Pending => connection.expect_more(),
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) => connection.ahead.set(connection.ahead.get().min(AHEAD)),
                }
                part
            });
            request.set_payload(Payload::from(on_demand.boxed_local()));
        }
        Self(Some(connection))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.is_busy.set(false);
            connection.release();
        }
    }
}
