use std::mem::take;

use super::list::WholeList;
use crate::model::{DeletedTask, IdempotencyKey, TrashPage, Written};
use crate::store::{Cost, Store, TrashRows};
use crate::{Caller, Cause, Error};

/// Returns up to `limit` tasks of the caller's trash, the one that was deleted last first, from the position `after` on. Each
/// task is there once. One statement looks at 5,000 deletions at most, so a part can be empty and still have a next one.
///
/// # Errors
/// [`Error::Busy`] if the caller has too many such requests in flight.
pub async fn trash(store: &Store, caller: &Caller, limit: u32, after: Option<i64>) -> Result<TrashPage, Error> {
    read(store, caller, limit, after, Cost::Heavy).await
}

async fn read(store: &Store, caller: &Caller, limit: u32, after: Option<i64>, cost: Cost) -> Result<TrashPage, Error> {
    let rows = store.trash(caller, (after.unwrap_or(i64::MAX), limit), cost).await?;
    Ok(page(rows, limit))
}

/// Returns the part of the trash that these rows are.
fn page(rows: TrashRows, limit: u32) -> TrashPage {
    let TrashRows { mut tasks, last_seen } = rows;
    let is_cut = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let next = match tasks.last() {
        // The tasks that were left out come next.
        Some(last) if is_cut => Some(last.deleted_at.timestamp_micros()),
        _ => last_seen,
    };
    TrashPage { tasks, next }
}

/// Wipes the caller's trash: the tasks in it can no longer be restored, and nothing of them is stored in the log. It goes through
/// the log in steps of 5,000 changes. No step begins after ten seconds. Returns the number of tasks that were in the trash.
///
/// # Errors
/// [`Error::Busy`], [`Error::KeyReused`]. [`Error::Unavailable`] if not everything could be wiped in time. A repeated call goes
/// on.
pub async fn wipe_trash(store: &Store, caller: &Caller, key: Option<IdempotencyKey>) -> Result<Written<u64>, Error> {
    let (count, is_complete) = store.wipe_trash(caller, key).await?;
    if is_complete {
        return Ok(count);
    }
    Err(Error::Unavailable(Cause::of("not the whole trash could be wiped in time")))
}

/// A whole trash, read in parts, as [`WholeList`] reads a list.
#[derive(Debug)]
pub struct WholeTrash {
    store: Store,
    caller: Caller,
    /// The position of the next part. `None` after the last one.
    next: Option<i64>,
    /// The maximum number of tasks of the next part.
    part: u32,
}

impl WholeTrash {
    /// The maximum number of tasks of the first part. Those of later ones depend on the length of the texts before.
    const FIRST_PART: u32 = 50;

    /// Makes a trash whose parts are not read yet.
    #[must_use]
    pub fn new(store: &Store, caller: &Caller) -> Self {
        Self { store: store.clone(), caller: caller.clone(), next: Some(i64::MAX), part: Self::FIRST_PART }
    }

    /// Whether all parts have been read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// Reads the next part, which waits for its turn as long as it takes. It can be empty, also if the trash is not over.
    ///
    /// # Errors
    /// An error of the database.
    pub async fn next_part(&mut self) -> Result<Vec<DeletedTask>, Error> {
        let Some(after) = take(&mut self.next) else { return Ok(Vec::new()) };
        let page = read(&self.store, &self.caller, self.part, Some(after), Cost::Continued).await?;
        self.next = page.next;
        self.part = WholeList::next_size(page.tasks.iter().map(|deleted| &deleted.task));
        Ok(page.tasks)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::model::Task;

    fn deleted(number: i64) -> DeletedTask {
        let task = Task::of_test(number, number);
        DeletedTask { deleted_at: task.updated_at, task }
    }

    #[test]
    fn the_next_part_begins_behind_the_last_task_or_the_last_deletion_that_was_looked_at() {
        let page = |numbers: &[i64], last_seen| {
            let page = page(TrashRows { tasks: numbers.iter().copied().map(deleted).collect(), last_seen }, 2);
            (page.tasks.len(), page.next)
        };
        assert_eq!(page(&[], None), (0, None));
        assert_eq!(page(&[9, 7], None), (2, None));
        assert_eq!(page(&[9, 8, 7], None), (2, Some(8)));
        assert_eq!(page(&[9, 8, 7], Some(3)), (2, Some(8)));
        assert_eq!(page(&[9, 8], Some(3)), (2, Some(3)));
        assert_eq!(page(&[], Some(3)), (0, Some(3)));
    }
}
