//! Lists of any length, in bounded memory.

use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, Stream, StreamExt};
use service::tasks::{self, ListQuery, Page};
use service::{Caller, Db};
use tokio::time::sleep;

use crate::error::Error;
use crate::json::task::{ROOM, Task};

/// The longest rest between two pages.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// A JSON array of the tasks of `first` and of all that follow, between these texts. A page is read when the one before it has
/// been sent; between pages nothing is held, no connection and no transaction, however slowly the client reads. Where others have
/// asked for something since the page before, it rests after a page for twice as long as that took, so that a long list takes a
/// third of the time at most.
pub(crate) fn array(
    db: Data<Db>,
    caller: Caller,
    query: ListQuery,
    first: Page,
    before: String,
    after: &'static str,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let opening = stream::iter([Ok(Bytes::from(before + "["))]);
    let begin = Ok(elements(first.tasks, false));
    let following = stream::try_unfold((first.next, db.statements()), move |(position, statements)| {
        let (db, caller, query) = (db.clone(), caller.clone(), query.clone());
        async move {
            let Some(position) = position else { return Ok::<_, Error>(None) };
            let started = Instant::now();
            let page = tasks::list(&db, &caller, &query, query.page_size(), Some(&position)).await?;
            let (part, next) = (elements(page.tasks, true), page.next);
            let sent = db.statements();
            // One was for this page.
            if next.is_some() && sent - statements > 1 {
                sleep((2 * started.elapsed()).min(LONGEST_REST)).await;
            }
            Ok(Some((part, (next, sent))))
        }
    });
    let closing = stream::iter([Ok(Bytes::from_static(b"]")), Ok(Bytes::from_static(after.as_bytes()))]);
    opening.chain(stream::iter([begin])).chain(following).chain(closing)
}

/// A JSON array of these tasks.
pub(crate) fn whole(tasks: Vec<tasks::Task>) -> Bytes {
    let mut json = Vec::with_capacity(2 + tasks.len() * ROOM);
    json.push(b'[');
    write(tasks, &mut json);
    json.push(b']');
    json.into()
}

/// Tasks as the elements of an array, behind others or not.
fn elements(tasks: Vec<tasks::Task>, behind_others: bool) -> Bytes {
    let mut json = Vec::with_capacity(1 + tasks.len() * ROOM);
    if behind_others && !tasks.is_empty() {
        json.push(b',');
    }
    write(tasks, &mut json);
    json.into()
}

fn write(tasks: Vec<tasks::Task>, json: &mut Vec<u8>) {
    let mut is_first = true;
    for task in tasks {
        if !std::mem::take(&mut is_first) {
            json.push(b',');
        }
        Task::from(task).write_json(json);
    }
}
