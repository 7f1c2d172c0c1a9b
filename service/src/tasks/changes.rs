use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::{Feed, now};
use crate::store::{Cost, LogPage, OwnerState, Store, TAIL};
use crate::{Caller, Error};

/// Returns up to `limit` changes of the caller's tasks after the state `since`. The first state of a replica is the state of
/// the list from which it was made, see [`Page::state`](super::Page::state).
///
/// One statement reads the changes, the tasks and the clock, so they agree. It looks at 5,000 changes at most. When nothing
/// more follows, a replica that has taken every part equals the list at the state of the last one.
///
/// # Errors
/// [`Error::Resync`] if the changes since this state are not known. [`Error::Busy`] if the caller has too many such requests in
/// flight.
pub async fn changes(store: &Store, caller: &Caller, since: i64, limit: u32) -> Result<Feed, Error> {
    let page = store.log(caller, since, limit, Cost::Heavy).await?;
    judged(page, since, limit, store.history())
}

/// Returns the first changes of many callers' tasks, each after a state that is probably one of the last. The answers have
/// the order of the callers. A part has up to [`TAIL`] changes, and one statement reads all parts.
///
/// # Errors
/// An error of the database. For a caller, [`Error::Resync`].
pub(crate) async fn newest_changes(store: &Store, asked: &[(Caller, i64)]) -> Result<Vec<Result<Feed, Error>>, Error> {
    let pages = store.tails(asked).await?;
    let judge = |(page, (_, since)): (LogPage, &(Caller, i64))| judged(page, *since, TAIL, store.history());
    Ok(pages.into_iter().zip(asked).map(judge).collect())
}

/// Returns the part of the feed that these rows of the log are, if the log has all changes after the state.
fn judged(page: LogPage, since: i64, limit: u32, history: Duration) -> Result<Feed, Error> {
    let Some(owner) = page.owner else {
        return if since == 0 { Ok(Feed::default()) } else { Err(Error::Resync) };
    };
    if !is_known(since, owner, now(), history) {
        return Err(Error::Resync);
    }
    Ok(feed(page, owner.clock, limit))
}

/// Returns whether the log has all changes after this state.
///
/// The begin of the log is exact. The age is judged too, so that the answer does not depend on when the sweep was here.
fn is_known(since: i64, owner: OwnerState, now: DateTime<Utc>, history: Duration) -> bool {
    let history = i64::try_from(history.as_micros()).unwrap_or(i64::MAX);
    let oldest = now.timestamp_micros().saturating_sub(history);
    since == owner.clock || (since < owner.clock && since >= owner.begin && since >= oldest)
}

/// Returns the part of the feed that these rows of the log are.
fn feed(page: LogPage, clock: i64, limit: u32) -> Feed {
    let LogPage { mut items, last_seen, .. } = page;
    let is_cut = items.len() > limit as usize;
    items.truncate(limit as usize);
    let state = match items.last() {
        // What was left out comes next.
        Some(last) if is_cut => last.version(),
        _ => last_seen.unwrap_or(clock),
    };
    Feed { items, state, has_more: state < clock }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FeedItem;

    fn page(versions: &[i64], last_seen: Option<i64>) -> LogPage {
        let items = versions.iter().map(|version| FeedItem::Deleted { id: *version, version: *version }).collect();
        LogPage { owner: None, items, last_seen }
    }

    #[test]
    fn the_state_of_a_part_is_its_last_change_or_the_last_change_that_was_looked_at_or_the_clock() {
        let state = |page, limit| {
            let feed = feed(page, 100, limit);
            (feed.items.len(), feed.state, feed.has_more)
        };
        assert_eq!(state(page(&[], None), 2), (0, 100, false));
        assert_eq!(state(page(&[7, 9], None), 2), (2, 100, false));
        assert_eq!(state(page(&[7, 8, 9], None), 2), (2, 8, true));
        assert_eq!(state(page(&[7, 8, 9], Some(90)), 2), (2, 8, true));
        assert_eq!(state(page(&[7, 8], Some(90)), 2), (2, 90, true));
        assert_eq!(state(page(&[], Some(90)), 2), (0, 90, true));
        assert_eq!(state(page(&[7], Some(100)), 2), (1, 100, false));
    }

    #[test]
    fn a_state_is_known_from_the_begin_of_the_log_to_the_clock_and_for_the_days_of_the_history() {
        let now = DateTime::from_timestamp_micros(1000).unwrap();
        let known = |since, begin, history| {
            is_known(since, OwnerState { clock: 900, begin }, now, Duration::from_micros(history))
        };
        assert!(known(500, 500, 1000) && known(899, 500, 1000) && known(900, 500, 1000));
        assert!(!known(499, 500, 1000) && !known(901, 500, 1000) && !known(0, 500, 1000));
        assert!(known(600, 500, 400) && !known(599, 500, 400));
        // The current state is never too old.
        assert!(known(900, 900, 1) && !known(899, 500, 1));
    }
}
