use std::collections::HashSet;
use std::mem::replace;

use super::{ListQuery, page};
use crate::model::{Position, Start, Task};
use crate::store::{Cost, MAX_BATCHED, Store};
use crate::{Caller, Error};

/// A whole list, read in parts, so that its memory does not depend on its length. Nothing is held in the database between parts,
/// however slowly they are read.
///
/// A list in an order that an index has continues at a position. For any other order the ids are sorted once, and the parts are
/// read by id: each part would otherwise sort the rest of the list.
#[derive(Debug)]
pub struct WholeList {
    store: Store,
    caller: Caller,
    query: ListQuery,
    rest: Rest,
    /// The state of the list at its first part.
    state: i64,
    /// The maximum number of tasks of the next part.
    part: u32,
}

#[derive(Debug)]
enum Rest {
    Behind(Position),
    /// The ids of the tasks that are not read yet, the next one last.
    Ids(Vec<i64>),
    Nothing,
}

impl WholeList {
    /// The maximum number of tasks of a list whose order no index has.
    pub const MAX_SORTED: u32 = 50_000;
    /// The length of the texts in bytes after which a part ends.
    const PART_BYTES: usize = 256 * 1024;
    /// The maximum number of tasks of the first part.
    const FIRST_PART: u32 = MAX_BATCHED - 1;
    /// The maximum numbers of tasks of a later part. The length of the texts before it decides which one it is, because tasks
    /// that are read and do not fit are read again.
    const PARTS: [u32; 7] = [5, 20, 50, 100, 250, 500, 1000];

    /// Begins the list, or continues it behind `after`, and reads its first part. If this succeeds, later parts wait for their
    /// turn as long as it takes.
    ///
    /// # Errors
    /// [`Error::Busy`] if the caller has too many such requests in flight. [`Error::TooLongToSort`].
    pub async fn begin(
        store: &Store,
        caller: &Caller,
        query: ListQuery,
        after: Option<Position>,
    ) -> Result<(Vec<Task>, Self), Error> {
        // A list with a filter can have to read all tasks for its first part.
        let is_plain = query == ListQuery::default() && after.is_none();
        let cost = if is_plain { Cost::Light } else { Cost::Heavy };
        Self::begin_with(store, caller, query, after, cost).await
    }

    /// Begins an export of all tasks, which counts as a large request from its first part.
    ///
    /// # Errors
    /// [`Error::Busy`] if the caller has too many such requests in flight.
    pub async fn begin_export(store: &Store, caller: &Caller) -> Result<(Vec<Task>, Self), Error> {
        Self::begin_with(store, caller, ListQuery::default(), None, Cost::Heavy).await
    }

    async fn begin_with(
        store: &Store,
        caller: &Caller,
        query: ListQuery,
        after: Option<Position>,
        cost: Cost,
    ) -> Result<(Vec<Task>, Self), Error> {
        let is_indexed = query.sort.is_indexed();
        let mut list = Self {
            store: store.clone(),
            caller: caller.clone(),
            query,
            rest: Rest::Nothing,
            state: 0,
            part: Self::FIRST_PART,
        };
        if is_indexed {
            let (first, state) = list.page(Start::behind(after.as_ref()), cost).await?;
            list.state = state;
            return Ok((first, list));
        }
        let ListQuery { filter, sort } = &list.query;
        let (mut ids, state) =
            store.sorted_ids(caller, filter, sort, Self::MAX_SORTED + 1, Start::behind(after.as_ref())).await?;
        if ids.len() > Self::MAX_SORTED as usize {
            return Err(Error::TooLongToSort);
        }
        ids.reverse();
        (list.rest, list.state) = (Rest::Ids(ids), state);
        let first = list.next_part().await?;
        Ok((first, list))
    }

    /// The state of the list, see [`Page::state`](super::Page::state). Later parts can have newer tasks.
    #[must_use]
    pub fn state(&self) -> i64 {
        self.state
    }

    /// Whether all parts have been read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    /// The number of bytes that the list holds between parts.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match &self.rest {
            Rest::Ids(ids) => ids.capacity() * size_of::<i64>(),
            Rest::Behind(_) | Rest::Nothing => 0,
        }
    }

    /// Reads the next part. It can be empty, also if the list is not over.
    ///
    /// # Errors
    /// An error of the database.
    pub async fn next_part(&mut self) -> Result<Vec<Task>, Error> {
        match replace(&mut self.rest, Rest::Nothing) {
            Rest::Nothing => Ok(Vec::new()),
            Rest::Behind(after) => Ok(self.page(Start::Behind(&after), Cost::Continued).await?.0),
            Rest::Ids(ids) => self.with_next_ids(ids).await,
        }
    }

    /// A part, and the state of the list when it was read.
    async fn page(&mut self, start: Start<'_>, cost: Cost) -> Result<(Vec<Task>, i64), Error> {
        let part = (self.part, Self::PART_BYTES);
        let page = page(&self.store, &self.caller, &self.query, part, start, cost).await?;
        self.rest = page.next.map_or(Rest::Nothing, Rest::Behind);
        self.part = Self::next_size(page.tasks.iter());
        Ok((page.tasks, page.state))
    }

    async fn with_next_ids(&mut self, mut ids: Vec<i64>) -> Result<Vec<Task>, Error> {
        let part = ids.split_off(ids.len().saturating_sub(self.part as usize));
        let ListQuery { filter, sort } = &self.query;
        let rows = self.store.with_ids(&self.caller, filter, sort, &part, Self::PART_BYTES).await?;
        if rows.is_cut {
            // Those that were left out are read with the next part. A part has at least one task, so the list ends.
            let read: HashSet<_> = rows.tasks.iter().map(|task| task.id).collect();
            ids.extend(part.into_iter().filter(|id| !read.contains(id)));
        }
        if !ids.is_empty() {
            self.rest = Rest::Ids(ids);
        }
        self.part = Self::next_size(rows.tasks.iter());
        Ok(rows.tasks)
    }

    /// The maximum number of tasks of the part after one with these tasks.
    pub(in crate::tasks) fn next_size<'a>(tasks: impl ExactSizeIterator<Item = &'a Task>) -> u32 {
        let count = tasks.len();
        let bytes: usize = tasks.map(Task::size).sum();
        let fitting = Self::PART_BYTES * count / bytes.max(1);
        let [least, ..] = Self::PARTS;
        Self::PARTS.into_iter().rfind(|part| *part as usize <= fitting).unwrap_or(least)
    }
}
