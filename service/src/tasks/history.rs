use std::cmp::Reverse;

use crate::model::{ChangeKind, HistoryEntry, HistoryPage, HistoryPosition, Task};
use crate::store::{HistoryRows, LoggedChange, Store};
use crate::{Caller, Error};

/// Returns up to `limit` changes of a task of the caller, the newest first, from the position `after` on. They are kept for as
/// long as the history is. One statement looks at 5,000 changes of the caller's tasks at most, so a part can be empty and still
/// have a next one.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::NotOwner`] if the caller has no task with this id, also if it is in the trash.
/// [`Error::Busy`] if the caller has too many such requests in flight.
pub async fn history(
    store: &Store,
    caller: &Caller,
    id: i64,
    limit: u32,
    after: Option<HistoryPosition>,
) -> Result<HistoryPage, Error> {
    let current = super::get(store, caller, id).await?;
    // The first change is the one that the task has its version from. Those that come between the two statements are left out.
    let position = after.unwrap_or(HistoryPosition { before: current.version() + 1, last: 0 });
    let rows = store.task_history(caller, id, position, limit).await?;
    Ok(page(rows, position, current, limit))
}

/// Returns the part of the history that these rows are. `current` is the task after the newest change of the first part.
fn page(rows: HistoryRows, position: HistoryPosition, current: Task, limit: u32) -> HistoryPage {
    let HistoryRows { mut changes, last_seen } = rows;
    changes.sort_unstable_by_key(|change| Reverse(change.at));
    // The change that was returned last is before the others.
    let last = changes.extract_if(.., |change| change.at >= position.before).last();
    let is_cut = changes.len() > limit as usize;
    changes.truncate(limit as usize);
    let mut state = if position.last == 0 { Some(current) } else { last.and_then(|last| last.image) };
    let entries: Vec<HistoryEntry> = changes
        .into_iter()
        .map(|LoggedChange { at, kind, actor, image }| {
            // The state after a change has its number. The last change of a deleted task has none.
            let after = state.take().filter(|after| after.version() == at && kind != ChangeKind::Deleted);
            state.clone_from(&image);
            HistoryEntry { version: at, kind, actor, before: image, after }
        })
        .collect();
    let last = entries.last().map_or(position.last, |entry| entry.version);
    let next = if is_cut { Some(last) } else { last_seen };
    HistoryPage { next: next.map(|before| HistoryPosition { before, last }), entries }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn task(version: i64) -> Task {
        Task { title: version.to_string(), ..Task::of_test(7, version) }
    }

    fn change(at: i64, kind: ChangeKind, image: Option<i64>) -> LoggedChange {
        LoggedChange { at, kind, actor: None, image: image.map(task) }
    }

    #[test]
    fn the_state_after_a_change_is_the_image_of_the_next_one_also_from_page_to_page() {
        use ChangeKind::{Changed, Created, Deleted, Restored};
        let log = || {
            vec![
                change(60, Changed, Some(50)),
                change(50, Restored, None),
                change(40, Deleted, Some(30)),
                change(30, Changed, Some(20)),
                change(20, Created, None),
            ]
        };
        let (mut position, mut states, mut pages) = (HistoryPosition { before: 61, last: 0 }, Vec::new(), 0);
        loop {
            let changes = log().into_iter().filter(|change| change.at < position.before || change.at == position.last);
            let rows = HistoryRows { changes: changes.collect(), last_seen: None };
            let HistoryPage { entries, next } = page(rows, position, task(60), 2);
            let version = |task: Option<Task>| task.map_or(0, |task| task.version());
            states
                .extend(entries.into_iter().map(|entry| (entry.version, version(entry.before), version(entry.after))));
            pages += 1;
            let Some(next) = next else { break };
            position = next;
        }
        assert_eq!((pages, states), (3, vec![(60, 50, 60), (50, 0, 50), (40, 30, 0), (30, 20, 30), (20, 0, 20)]));
    }

    #[test]
    fn a_page_without_a_change_keeps_the_change_that_was_returned_last() {
        let position = HistoryPosition { before: 60, last: 60 };
        let rows = HistoryRows { changes: vec![change(60, ChangeKind::Changed, Some(20))], last_seen: Some(30) };
        let next = HistoryPosition { before: 30, last: 60 };
        assert_eq!(page(rows, position, task(60), 2), HistoryPage { entries: Vec::new(), next: Some(next) });
    }
}
