use crate::model::OccurrencePage;
use crate::recurrence::Slot;
use crate::store::Store;
use crate::{Caller, Error};

/// Returns up to `limit` completed occurrences of the series of a task of the caller, the last one first, from the position
/// `after` on. There are none for a task that never recurred. Deleted occurrences are not among them.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id. [`Error::Busy`] if the caller has too
/// many such requests in flight.
pub async fn occurrences(
    store: &Store,
    caller: &Caller,
    id: i64,
    limit: u32,
    after: Option<&Slot>,
) -> Result<OccurrencePage, Error> {
    let Some(series_id) = super::get(store, caller, id).await?.series_id else { return Ok(OccurrencePage::default()) };
    let mut tasks = store.occurrences(caller, series_id, after, limit).await?.tasks;
    let is_cut = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let next = tasks.last().filter(|_| is_cut).and_then(|last| last.occurrence.as_deref().cloned());
    Ok(OccurrencePage { tasks, next })
}
