use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{Fuse, FusedFuture, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::PART;
use crate::listeners::{Encode, Pace};
use crate::store::Store;
use crate::{Caller, Error, UserId, tasks};

/// The time between two comparisons of the clocks, and between two looks at the tokens of the listeners.
const EVERY: Duration = Duration::from_secs(1);
/// The number of owners that are read at the same time.
const MOST_READS: usize = 8;
/// The pause between two parts, if a listener has not taken the last ones yet.
const PAUSE: Duration = Duration::from_millis(50);

/// Delivers changes to all listeners of the process, until it is dropped. Each worker calls it, and one of them does the work at a
/// time: if its thread ends, another one takes over.
///
/// An owner is read when a write of this process is committed. Writes of other servers are found once a second, by one statement
/// that compares the clocks of all owners with listeners. Without listeners nothing is sent to the database. `notice` receives the
/// errors of the database, after which each read is tried again.
pub async fn deliver(store: Store, encode: Encode, notice: impl Fn(&Error)) {
    let listeners = Arc::clone(store.listeners());
    let _turn = listeners.turn.lock().await;
    let mut seconds = interval(EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reads = FuturesUnordered::new();
    let mut comparison: Fuse<LocalBoxFuture<'_, ()>> = Fuse::terminated();
    loop {
        while reads.len() < MOST_READS
            && let Some((caller, position)) = listeners.next_moved()
        {
            reads.push(read(&store, &encode, &notice, caller, position));
        }
        if listeners.count() == 0 && reads.is_empty() {
            listeners.work().await;
        }
        tokio::select! {
            _ = seconds.tick() => {
                let known = listeners.each_second(SystemTime::now());
                if !known.is_empty() && comparison.is_terminated() {
                    comparison = compare(&store, &notice, known).boxed_local().fuse();
                }
            }
            () = listeners.work() => {}
            () = &mut comparison => {}
            Some(()) = reads.next() => {}
        }
    }
}

/// Finds the owners whose clocks have moved.
async fn compare(store: &Store, notice: &impl Fn(&Error), known: Vec<(UserId, i64)>) {
    match store.moved(&known).await {
        Ok(places) => {
            let moved = places.into_iter().filter_map(|place| known.get(place));
            store.listeners().have_moved(moved.map(|(user, _)| user));
        }
        // The next second tries again.
        Err(error) => notice(&error),
    }
}

/// Reads the changes of an owner after this number, and delivers them.
async fn read(store: &Store, encode: &Encode, notice: &impl Fn(&Error), caller: Caller, mut position: i64) {
    let listeners = store.listeners();
    let user = caller.user_id();
    let to_the_end = loop {
        match tasks::newest_changes(store, &caller, position, PART).await {
            Ok(feed) => {
                let (state, has_more) = (feed.state, feed.has_more);
                match listeners.deliver(user, (position, state), &encode(feed.items)) {
                    Some(Pace::Pause) if has_more => sleep(PAUSE).await,
                    Some(_) if has_more => {}
                    _ => break true,
                }
                position = state;
            }
            Err(Error::Resync) => {
                listeners.resync(user, position);
                break true;
            }
            Err(error) => {
                notice(&error);
                break false;
            }
        }
    };
    listeners.was_read(user, to_the_end);
}
