use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, Stream, StreamExt};
use service::Caller;
use service::tasks::{self, ListQuery, Page};
use tokio::time::sleep;

use crate::error::Error;
use crate::json::elements;
use crate::server::State;

/// The longest pause between two pages.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// Streams a JSON array of the tasks of `first` and of all pages after it, with `before` and `after` around the array.
///
/// Memory is bounded by one page: a page is read once the one before it has been sent. Between pages no connection and no
/// transaction is held, however slowly the client reads. If other requests have used the database since the page before, it
/// pauses for twice the time that the page took, so that a long list uses at most a third of the time.
pub(super) fn array(
    state: Data<State>,
    caller: Caller,
    query: ListQuery,
    first: Page,
    before: String,
    after: &'static str,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let opening = stream::iter([Ok(Bytes::from(before + "["))]);
    let begin = Ok(elements(first.tasks, false));
    let following = stream::try_unfold((first.next, state.store.db().statements()), move |(position, statements)| {
        let (state, caller, query) = (state.clone(), caller.clone(), query.clone());
        async move {
            let Some(position) = position else { return Ok::<_, Error>(None) };
            let started = Instant::now();
            let page = tasks::list(&state.store, &caller, &query, query.page_size(), Some(&position)).await?;
            let (part, next) = (elements(page.tasks, true), page.next);
            let sent = state.store.db().statements();
            // One of the statements was sent for this page.
            if next.is_some() && sent - statements > 1 {
                sleep((2 * started.elapsed()).min(MAX_PAUSE)).await;
            }
            Ok(Some((part, (next, sent))))
        }
    });
    let closing = stream::iter([Ok(Bytes::from_static(b"]")), Ok(Bytes::from_static(after.as_bytes()))]);
    opening.chain(stream::iter([begin])).chain(following).chain(closing)
}
