use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, Stream, StreamExt};
use service::tasks::{DeletedTask, Task, WholeList, WholeTrash};
use tokio::time::sleep;

use crate::config::TaskAliases;
use crate::error::Error;
use crate::json::{deleted_elements, elements};
use crate::server::State;

/// The longest pause between two parts.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// Tasks that are read in parts.
trait Parts {
    /// What a part has several of.
    type Item;

    fn is_over(&self) -> bool;
    async fn next_part(&mut self) -> Result<Vec<Self::Item>, service::Error>;
    /// Returns elements of a JSON array, see [`elements`].
    fn elements(items: Vec<Self::Item>, aliases: TaskAliases, following: bool) -> Bytes;
}

impl Parts for WholeList {
    type Item = Task;

    fn is_over(&self) -> bool {
        self.is_over()
    }

    async fn next_part(&mut self) -> Result<Vec<Task>, service::Error> {
        self.next_part().await
    }

    fn elements(tasks: Vec<Task>, aliases: TaskAliases, following: bool) -> Bytes {
        elements(tasks, aliases, following)
    }
}

impl Parts for WholeTrash {
    type Item = DeletedTask;

    fn is_over(&self) -> bool {
        self.is_over()
    }

    async fn next_part(&mut self) -> Result<Vec<DeletedTask>, service::Error> {
        self.next_part().await
    }

    fn elements(tasks: Vec<DeletedTask>, aliases: TaskAliases, following: bool) -> Bytes {
        deleted_elements(tasks, aliases, following)
    }
}

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
    let has_tasks = !first.is_empty();
    let opening = stream::iter([Ok(Bytes::from(before + "[")), Ok(elements(first, state.task_aliases, false))]);
    opening.chain(parts(state, rest, has_tasks)).chain(closing(after))
}

/// Streams a JSON array of the tasks in the trash in the same way, with `after` behind the array.
pub(super) fn trash(
    state: Data<State>,
    trash: WholeTrash,
    after: &'static str,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let opening = stream::iter([Ok(Bytes::from_static(b"["))]);
    opening.chain(parts(state, trash, false)).chain(closing(after))
}

fn closing(after: &'static str) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::iter([Ok(Bytes::from_static(b"]")), Ok(Bytes::from_static(after.as_bytes()))])
}

/// Streams the parts that are not read yet, as elements of an array that has some before if `has_items`.
fn parts<P: Parts>(state: Data<State>, rest: P, has_items: bool) -> impl Stream<Item = Result<Bytes, Error>> {
    let (statements, aliases) = (state.store.db().statements(), state.task_aliases);
    stream::try_unfold((rest, has_items, statements), move |(mut rest, has_items, statements)| {
        let state = state.clone();
        async move {
            if rest.is_over() {
                return Ok::<_, Error>(None);
            }
            let started = Instant::now();
            let items = rest.next_part().await?;
            let sent = state.store.db().statements();
            // One of the statements was sent for this part.
            if !rest.is_over() && sent - statements > 1 {
                sleep((2 * started.elapsed()).min(MAX_PAUSE)).await;
            }
            let has_now = has_items || !items.is_empty();
            Ok(Some((P::elements(items, aliases, has_items), (rest, has_now, sent))))
        }
    })
}
