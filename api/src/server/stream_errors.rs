use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;

use crate::error::with_causes;

/// Logs the error of a streamed body, with its route and the request id. The response has begun by then, so its log line shows a
/// success, and the client only sees that the connection breaks. Other bodies are returned as they are.
pub(super) fn log_errors(response: ServiceResponse<BoxBody>, id: &HeaderValue) -> ServiceResponse<BoxBody> {
    if response.response().body().size() != BodySize::Stream {
        return response;
    }
    let method = response.request().method().clone();
    let route = response.request().match_name().unwrap_or("-").to_owned();
    let id = id.clone();
    response.map_body(|_, body| BoxBody::new(LoggedStream { body, method, route, id }))
}

struct LoggedStream {
    body: BoxBody,
    method: Method,
    route: String,
    id: HeaderValue,
}

impl MessageBody for LoggedStream {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_next(context);
        if let Poll::Ready(Some(Err(error))) = &polled {
            let id = this.id.to_str().unwrap_or_default();
            log::error!("{} {} broke off {id} {}", this.method, this.route, with_causes(&**error));
        }
        polled
    }
}
