use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, Stream, StreamExt};
use service::tasks::{Task, WholeList};
use tokio::time::sleep;

use crate::error::Error;
use crate::json::elements;
use crate::server::State;

/// The longest pause between two parts.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// Streams a JSON array of the tasks of `first` and of all parts after it, with `before` and `after` around the array.
///
/// Memory is bounded by one part: a part is read once the one before it has been sent. If other requests have used the database
/// since the part before, it pauses for twice the time that the part took, so that a long list uses at most a third of the time.
pub(super) fn array(
    state: Data<State>,
    (first, rest): (Vec<Task>, WholeList),
    before: String,
    after: &'static str,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let (statements, aliases) = (state.store.db().statements(), state.task_aliases);
    let has_tasks = !first.is_empty();
    let opening = stream::iter([Ok(Bytes::from(before + "[")), Ok(elements(first, aliases, false))]);
    let following = stream::try_unfold((rest, has_tasks, statements), move |(mut rest, has_tasks, statements)| {
        let state = state.clone();
        async move {
            if rest.is_over() {
                return Ok::<_, Error>(None);
            }
            let started = Instant::now();
            let tasks = rest.next_part().await?;
            let sent = state.store.db().statements();
            // One of the statements was sent for this part.
            if !rest.is_over() && sent - statements > 1 {
                sleep((2 * started.elapsed()).min(MAX_PAUSE)).await;
            }
            let has_now = has_tasks || !tasks.is_empty();
            Ok(Some((elements(tasks, aliases, has_tasks), (rest, has_now, sent))))
        }
    });
    let closing = stream::iter([Ok(Bytes::from_static(b"]")), Ok(Bytes::from_static(after.as_bytes()))]);
    opening.chain(following).chain(closing)
}
