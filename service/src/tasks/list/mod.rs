/// Positions in lists as texts for clients.
pub mod cursor;

use serde::Serialize;

use crate::model::{Filter, Position, Sort, Task};
use crate::store::Store;
use crate::{Caller, Error};

/// The selection and the order of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListQuery {
    /// The selection.
    pub filter: Filter,
    /// The order.
    pub sort: Sort,
}

impl ListQuery {
    /// The number of tasks that are read at a time if no limit is given.
    const PAGE: u32 = 250;
    /// The same for an order without an index, of which each page sorts the rest of the list.
    const SORTED_PAGE: u32 = 5000;

    /// The number of tasks to read at a time if the whole list is wanted.
    #[must_use]
    pub fn page_size(&self) -> u32 {
        if self.sort.is_indexed() { Self::PAGE } else { Self::SORTED_PAGE }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The tasks, in the order of the list.
    pub tasks: Vec<Task>,
    /// The position of the next part; `None` if this is the last one.
    pub next: Option<Position>,
}

/// Returns up to `limit` tasks of the caller, from the beginning of the list or behind `after`.
///
/// A page begins at a position, not at a number of tasks. A task that is created or deleted between two pages makes no other task
/// appear twice or not at all, and a late page costs as much as the first. Nothing is held between pages.
pub async fn list(
    store: &Store,
    caller: &Caller,
    query: &ListQuery,
    limit: u32,
    after: Option<&Position>,
) -> Result<Page, Error> {
    // One more task than is returned shows whether there is a next page.
    let most = limit.saturating_add(1);
    let is_newest_first = *query == ListQuery::default() && after.is_none() && limit <= ListQuery::PAGE;
    let (mut tasks, folded_titles) = if is_newest_first {
        (store.newest(caller, most).await?, Vec::new())
    } else {
        store.page(caller, &query.filter, &query.sort, most, after).await?
    };
    let has_more = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let last = tasks.last().filter(|_| has_more);
    let next = last.map(|last| query.sort.position(last, folded_titles.get(tasks.len() - 1).map(String::as_str)));
    Ok(Page { tasks, next })
}

/// Returns the number of tasks in the whole list.
pub async fn count(store: &Store, caller: &Caller, filter: &Filter) -> Result<u64, Error> {
    store.count(caller, filter).await
}
