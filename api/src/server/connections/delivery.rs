use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

use super::connection::InFlight;

/// The size of the parts in which a body goes to the HTTP library, in bytes. The library copies each part into the write
/// buffer of its connection and keeps that buffer, so this bounds what a slow reader and an idle connection hold.
pub(super) const PART_BYTES: usize = 16 * 1024;

/// Returns a body that keeps its request in flight until it has been handed over, in parts of at most [`PART_BYTES`]. A body
/// of one part is handed over at once and stays as it is.
pub(in crate::server) fn deliver(body: BoxBody, in_flight: InFlight) -> BoxBody {
    match body.size() {
        BodySize::None => body,
        BodySize::Sized(bytes) if bytes <= PART_BYTES as u64 => body,
        _ => BoxBody::new(Delivery { body, rest: Bytes::new(), _in_flight: in_flight }),
    }
}

struct Delivery {
    body: BoxBody,
    /// What remains of the body's last part.
    rest: Bytes,
    _in_flight: InFlight,
}

impl MessageBody for Delivery {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        // A stream may have empty parts. The library must not see them: in chunked coding an empty part is the end.
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(part)) => self.rest = part,
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PART_BYTES);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
