use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::{self, Stream, StreamExt};
use service::Caller;
use service::live::{Delivery, Listener};
use tokio::time::sleep;

use super::list::EXPECTED_BYTES;
use crate::error::Error;
use crate::extract::{LastEventId, Query};
use crate::json::{self, Listen};
use crate::routes::MAPPED;
use crate::server::{State, keep_for_stream};

const EVENT_STREAM: (HeaderName, HeaderValue) = (CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
/// nginx buffers an answer unless it has this header.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// The time after which a part is tried again for which there was no memory.
const RETRY: Duration = Duration::from_secs(1);
/// The number of changes of a part for which memory is held.
const PART: u32 = 50;

/// Listen to what changes
///
/// Streams server-sent events. Each is sent soon after its change was committed, on whichever server. Send the token in the
/// `Authorization` header, for example with `fetch`.
///
/// - `state` is the first event: `{"state": N}`, the state after which the changes begin. Its `id` is the state.
/// - `change` is a task that was changed or deleted, as in the list of changes. Its `id` is the number of the change. The changes
///   come in the order of their numbers.
/// - `reminder` is a reminder that has fired, as in the list of changes. It comes between the changes, in the order of its number.
/// - `resync` is the last event if the changes since your state are not known. Load the whole list again.
/// - `end` is the last event if the server ends the stream: `{"reason": "token_expired"}` (connect with a new token),
///   `{"reason": "restart"}` (connect again), or `{"reason": "slow"}` (you read too slowly: connect again).
///
/// Ignore other events. A line with a colon is sent every 15 s. Connect again with the last `id` in `Last-Event-ID` or as
/// `since`, after the time in `retry`: nothing is missed.
///
/// 429 (`code: too_many_streams`): you have ten streams on this server. 503 (`code: streams_full` or `stopping`): connect again
/// after the seconds of `Retry-After`.
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(Listen, ("Last-Event-ID" = Option<i64>, Header, description = "The `id` of the last event that you have. It takes \
        precedence over `since`.", minimum = 0)),
    responses((status = 200, description = "The events", content_type = "text/event-stream", body = String,
        example = "retry: 2817\nevent: state\nid: 1769853600000000\ndata: {\"state\":1769853600000000}\n\n\
            event: change\nid: 1769853660000000\ndata: {\"type\":\"deleted\",\"id\":1,\"version\":1769853660000000}\n\n:\n\n\
            event: reminder\nid: 1769853720000000\ndata: {\"type\":\"reminder\",\"id\":2,\"version\":1769853720000000,\
            \"reminder\":{\"n\":1,\"at\":\"2026-01-31T10:02:00.000000Z\"}}\n\n"))
)]
pub async fn stream_events(
    request: HttpRequest,
    state: Data<State>,
    caller: ReqData<Caller>,
    LastEventId(last): LastEventId,
    Query(since): Query<Listen>,
) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::Ok();
    response.insert_header(EVENT_STREAM).insert_header(NO_BUFFERING);
    if request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<Bytes, Error>>()));
    }
    let listener = state.listen(&request, &caller, last.or(since)).await?;
    keep_for_stream(&request);
    let first = json::state(listener.begin());
    let events = stream::once(async { Ok(first) }).chain(events(state, caller.into_inner(), listener));
    Ok(response.force_close().streaming(events))
}

/// Streams the events of a listener. A part that is read for this listener alone is counted as an answer that waits to be
/// written.
fn events(state: Data<State>, caller: Caller, listener: Listener) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::try_unfold((state, caller, listener), |(state, caller, mut listener)| async move {
        let mut held = None;
        while listener.is_behind() && !listener.has_ended() && held.is_none() {
            match state.answer_memory.hold(caller.user_id(), PART * EXPECTED_BYTES).await {
                Ok(memory) => held = Some(memory),
                Err(_) => sleep(RETRY).await,
            }
        }
        let text = match listener.next().await.transpose()? {
            None => return Ok(None),
            Some(Delivery::Beat) => json::BEAT,
            Some(Delivery::End(reason)) => json::end(reason),
            Some(Delivery::Changes(text)) if held.is_some() => {
                // More than was expected is sent all the same.
                state.answer_memory.body(caller.user_id(), text.clone(), held).unwrap_or(text)
            }
            Some(Delivery::Changes(text)) => text,
        };
        Ok::<_, Error>(Some((text, (state, caller, listener))))
    })
}
