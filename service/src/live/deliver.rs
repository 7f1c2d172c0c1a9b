use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{Fuse, FusedFuture, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::listeners::{Encode, Pace};
use crate::store::Store;
use crate::{Caller, Error, UserId, tasks};

/// The time between two comparisons of the clocks, and between two looks at the tokens of the listeners.
const EVERY: Duration = Duration::from_secs(1);
/// The maximum number of owners that are read together.
const MOST_OWNERS: usize = 256;
/// The length of the pause after each read, in times of the read. Under many writes, reads take at most a fifth of one
/// connection. The listeners then get changes later, and more at once.
const PAUSES: u32 = 4;
/// The maximum of that pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(40);
/// The pause before the next part of an owner, if a listener has not taken the last ones yet.
const PAUSE_OF_OWNER: Duration = Duration::from_millis(50);

/// Delivers changes to all listeners of the process, until it is dropped. Each worker calls it, and one of them does the work
/// at a time: if its thread ends, another one takes over.
///
/// An owner is read when a write of this process is committed. Writes of other servers are found once a second, by one
/// statement that compares the clocks of all owners with listeners. Without listeners nothing is sent to the database.
/// `notice` receives the errors of the database, after which each read is tried again.
pub async fn deliver(store: Store, encode: Encode, notice: impl Fn(&Error)) {
    let listeners = Arc::clone(store.listeners());
    let _turn = listeners.turn.lock().await;
    let mut seconds = interval(EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut comparison: Fuse<LocalBoxFuture<'_, ()>> = Fuse::terminated();
    let mut read: Fuse<LocalBoxFuture<'_, Vec<UserId>>> = Fuse::terminated();
    let mut waiting = FuturesUnordered::new();
    loop {
        if read.is_terminated() {
            let asked = listeners.next_moved(MOST_OWNERS);
            if !asked.is_empty() {
                read = read_and_pause(&store, &encode, &notice, asked).boxed_local().fuse();
            }
        }
        if listeners.count() == 0 && read.is_terminated() {
            listeners.work().await;
            continue;
        }
        tokio::select! {
            _ = seconds.tick() => {
                let known = listeners.each_second(SystemTime::now());
                if !known.is_empty() && comparison.is_terminated() {
                    comparison = compare(&store, &notice, known).boxed_local().fuse();
                }
            }
            () = listeners.work(), if read.is_terminated() => {}
            () = &mut comparison => {}
            full = &mut read => waiting.extend(full.into_iter().map(async |user| {
                sleep(PAUSE_OF_OWNER).await;
                user
            })),
            Some(user) = waiting.next() => listeners.was_read(&user, Pace::Free),
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

/// Reads the next changes of these owners, delivers them, and pauses. Returns the owners with more changes of whom a listener
/// has not taken the last ones yet.
async fn read_and_pause(
    store: &Store,
    encode: &Encode,
    notice: &impl Fn(&Error),
    asked: Vec<(Caller, i64)>,
) -> Vec<UserId> {
    let (begun, listeners, mut full) = (Instant::now(), store.listeners(), Vec::new());
    match tasks::newest_changes(store, &asked).await {
        Ok(feeds) => {
            for ((caller, position), feed) in asked.into_iter().zip(feeds) {
                let user = caller.user_id();
                let Ok(feed) = feed else {
                    listeners.resync(user, position);
                    listeners.was_read(user, Pace::AtEnd);
                    continue;
                };
                let (state, has_more) = (feed.state, feed.has_more);
                let delivered = listeners.deliver(user, (position, state), &encode(feed.items));
                let pace = if has_more { delivered } else { Pace::AtEnd };
                if pace == Pace::Pause {
                    full.push(user.clone());
                } else {
                    listeners.was_read(user, pace);
                }
            }
        }
        Err(error) => {
            notice(&error);
            for (caller, _) in &asked {
                listeners.was_read(caller.user_id(), Pace::Later);
            }
        }
    }
    sleep((begun.elapsed() * PAUSES).min(LONGEST_PAUSE)).await;
    full
}
