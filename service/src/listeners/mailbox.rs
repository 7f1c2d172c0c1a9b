use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// The maximum number of parts that wait for one listener.
const MOST_PARTS: usize = 16;
/// The maximum number of bytes that wait for one listener, unless a single part is larger.
const MOST_BYTES: usize = 256 * 1024;

/// The next thing that a listener gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One change or several ones, as [`Encode`](super::Encode) has written them.
    Changes(Bytes),
    /// A sign of life, every 15 s.
    Beat,
    /// The end. Nothing follows.
    End(End),
}

/// The reason for which the server ends a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The changes after the listener's position are not known.
    Resync,
    /// The token of the listener has expired.
    Expired,
    /// The server stops.
    Stopping,
    /// The listener takes its changes too slowly.
    Slow,
}

impl End {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Resync, Self::Expired, Self::Stopping, Self::Slow];

    /// Whether the parts that wait are delivered before the end. They are of no use to a replica that is replaced, must not be
    /// read without a valid token, and would take memory for as long as a client does not read them.
    fn comes_last(self) -> bool {
        matches!(self, Self::Stopping)
    }
}

/// What waits for one listener. Its size is bounded, and an empty one holds no memory.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    parts: VecDeque<Bytes>,
    bytes: usize,
    has_beat: bool,
    end: Option<End>,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Adds a part. Returns false if there is no space for it.
    pub(super) fn push(&self, part: Bytes) -> bool {
        let mut content = self.lock();
        if content.end.is_some() {
            return true;
        }
        if content.has_no_space(&part) {
            return false;
        }
        content.bytes += part.len();
        content.parts.push_back(part);
        wake(content);
        true
    }

    /// Adds a sign of life, unless something waits already.
    pub(super) fn beat(&self) {
        let mut content = self.lock();
        if content.parts.is_empty() && content.end.is_none() {
            content.has_beat = true;
            wake(content);
        }
    }

    /// Ends the listener. Returns false if it has ended before.
    pub(super) fn end(&self, reason: End) -> bool {
        let mut content = self.lock();
        if content.end.is_some() {
            return false;
        }
        content.end = Some(reason);
        if !reason.comes_last() {
            content.parts = VecDeque::new();
        }
        wake(content);
        true
    }

    /// Whether half of the space is taken.
    pub(super) fn is_half_full(&self) -> bool {
        let content = self.lock();
        content.end.is_none() && (content.parts.len() >= MOST_PARTS / 2 || content.bytes >= MOST_BYTES / 2)
    }

    /// The reason of the end, if the listener has ended.
    pub(super) fn ended(&self) -> Option<End> {
        self.lock().end
    }

    /// Waits for what comes next. A future that is dropped loses nothing.
    pub(super) async fn next(self: &Arc<Self>) -> Delivery {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Delivery> {
        let mut held = self.lock();
        if let Some(part) = held.parts.pop_front() {
            held.bytes -= part.len();
            if held.parts.is_empty() {
                // An idle listener keeps no space for parts.
                held.parts = VecDeque::new();
            }
            held.has_beat = false;
            return Poll::Ready(Delivery::Changes(part));
        }
        if let Some(reason) = held.end {
            return Poll::Ready(Delivery::End(reason));
        }
        if std::mem::take(&mut held.has_beat) {
            return Poll::Ready(Delivery::Beat);
        }
        if !held.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            held.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    /// An empty one has space for any part.
    fn has_no_space(&self, part: &Bytes) -> bool {
        self.parts.len() >= MOST_PARTS || (self.bytes > 0 && self.bytes + part.len() > MOST_BYTES)
    }
}

/// Unlocks the content and wakes the listener.
fn wake(mut content: MutexGuard<'_, Content>) {
    let waker = content.waker.take();
    drop(content);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(mailbox: &Mailbox) -> Option<Delivery> {
        match mailbox.poll(&Context::from_waker(Waker::noop())) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        }
    }

    #[test]
    fn sixteen_parts_wait_in_their_order_and_the_next_one_has_no_space() {
        let mailbox = Mailbox::default();
        for number in 0..16 {
            assert!(mailbox.push(Bytes::from(vec![number])));
        }
        assert!(mailbox.is_half_full() && !mailbox.push(Bytes::from_static(b"x")));
        for number in 0..16 {
            assert_eq!(next(&mailbox), Some(Delivery::Changes(Bytes::from(vec![number]))));
        }
        assert_eq!(next(&mailbox), None);
        assert!(mailbox.push(Bytes::from_static(b"x")));
    }

    #[test]
    fn a_quarter_of_a_mebibyte_waits_or_one_part_that_is_larger() {
        let mailbox = Mailbox::default();
        assert!(mailbox.push(Bytes::from(vec![0; MOST_BYTES - 1])));
        assert!(!mailbox.push(Bytes::from_static(b"xy")));
        assert!(mailbox.push(Bytes::from_static(b"z")));
        let mailbox = Mailbox::default();
        assert!(mailbox.push(Bytes::from(vec![0; 2 * MOST_BYTES])));
        assert!(!mailbox.push(Bytes::from_static(b"z")));
    }

    #[test]
    fn the_end_for_a_stop_comes_after_the_parts_and_any_other_end_instead_of_them() {
        for reason in End::ALL {
            let mailbox = Mailbox::default();
            mailbox.push(Bytes::from_static(b"x"));
            assert!(mailbox.end(reason));
            assert!(!mailbox.end(End::Resync), "it has ended");
            if reason == End::Stopping {
                assert_eq!(next(&mailbox), Some(Delivery::Changes(Bytes::from_static(b"x"))));
            }
            assert_eq!(next(&mailbox), Some(Delivery::End(reason)));
        }
    }

    #[test]
    fn a_beat_is_delivered_only_if_nothing_else_waits() {
        let mailbox = Mailbox::default();
        mailbox.beat();
        assert_eq!(next(&mailbox), Some(Delivery::Beat));
        assert_eq!(next(&mailbox), None);
        mailbox.push(Bytes::from_static(b"x"));
        mailbox.beat();
        assert_eq!(next(&mailbox), Some(Delivery::Changes(Bytes::from_static(b"x"))));
        assert_eq!(next(&mailbox), None);
    }
}
