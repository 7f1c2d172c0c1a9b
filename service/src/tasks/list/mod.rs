/// Positions in lists as texts for clients.
pub mod cursor;
mod whole;

use serde::Serialize;

pub use self::whole::WholeList;
use crate::model::{Filter, Position, Sort, Start, Status, Task};
use crate::store::{Cost, MAX_BATCHED, Rows, Store};
use crate::{Caller, Error};

/// The maximum number of tasks of a page that is read in a batch although its texts can be of any length.
const MAX_BATCHED_WHOLE: u32 = 101;

/// The selection and the order of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListQuery {
    /// The selection.
    pub filter: Filter,
    /// The order.
    pub sort: Sort,
}

impl ListQuery {
    /// The expected cost of a part of this list. An index with the order, and a filter by status at most: the tasks that are read
    /// are mostly those that are returned.
    fn cost(&self) -> Cost {
        let by_status = Filter { status: self.filter.status, ..Filter::default() };
        let is_light = self.sort.is_indexed() && self.filter == by_status;
        let is_plain = self.filter.status == Status::All || self.sort == Sort::default();
        if is_light && is_plain { Cost::Light } else { Cost::Heavy }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The tasks, in the order of the list.
    pub tasks: Vec<Task>,
    /// The position of the next part; `None` if this is the last one.
    pub next: Option<Position>,
    /// The state of the list: the number of the last write to any task of the caller. It only rises. 0 if there was none yet.
    pub state: i64,
}

/// Returns up to `limit` tasks of the caller, from `start` on.
///
/// If a page begins at a position, a task that is created or deleted between two pages makes no other task appear twice or not at
/// all, and a late page costs as much as the first. If it begins at an offset, neither is true. Nothing is held between pages.
///
/// # Errors
/// [`Error::Busy`] if the caller has too many such requests in flight.
pub async fn list(
    store: &Store,
    caller: &Caller,
    query: &ListQuery,
    limit: u32,
    start: Start<'_>,
) -> Result<Page, Error> {
    page(store, caller, query, (limit, usize::MAX), start, query.cost()).await
}

/// Returns up to `limit` tasks, or fewer if their texts are longer than `max_bytes`.
async fn page(
    store: &Store,
    caller: &Caller,
    query: &ListQuery,
    (limit, max_bytes): (u32, usize),
    start: Start<'_>,
    cost: Cost,
) -> Result<Page, Error> {
    // One more task than is returned shows whether there is a next page.
    let most = limit.saturating_add(1);
    let most_batched = if max_bytes == usize::MAX { MAX_BATCHED_WHOLE } else { MAX_BATCHED };
    let is_batched =
        *query == ListQuery::default() && start.is_beginning() && most <= most_batched && cost == Cost::Light;
    let rows = if is_batched {
        store.newest(caller, most, max_bytes).await?
    } else {
        store.page(caller, (&query.filter, &query.sort), most, start, (cost, max_bytes)).await?
    };
    let Rows { mut tasks, texts, is_cut, state, .. } = rows;
    let has_more = tasks.len() > limit as usize || is_cut;
    tasks.truncate(limit as usize);
    let last = tasks.last().filter(|_| has_more);
    let next = last.map(|last| query.sort.position(last, texts.get(tasks.len() - 1).map(String::as_str)));
    Ok(Page { tasks, next, state })
}

/// Returns the state of the caller's lists, see [`Page::state`].
///
/// # Errors
/// An error of the database.
pub async fn state(store: &Store, caller: &Caller) -> Result<i64, Error> {
    store.clock(caller).await
}

/// Returns the number of tasks in the whole list.
///
/// # Errors
/// [`Error::Busy`] if the caller has too many such requests in flight.
pub async fn count(store: &Store, caller: &Caller, filter: &Filter) -> Result<u64, Error> {
    store.count(caller, filter).await
}
