use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::PART;
use crate::listeners::{Delivery, Encode, End, NoPlace, Seat};
use crate::store::Store;
use crate::{Caller, Error, tasks};

/// The time after which a part is read again that could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Why a listener cannot begin.
#[derive(Debug)]
pub enum Refused {
    /// There is no place for it.
    NoPlace(NoPlace),
    /// An error of the database.
    Failed(Error),
}

/// A listener to the changes of a caller. Its place is free when this is dropped.
pub struct Listener {
    store: Store,
    caller: Caller,
    seat: Seat,
    encode: Encode,
    begin: i64,
    progress: Progress,
}

/// How far a listener is.
#[derive(Clone, Copy, Debug)]
enum Progress {
    /// It has everything up to this number. More is to be read.
    Behind(i64),
    /// It has everything up to this number, which was the clock.
    AtClock(i64),
    /// It has joined the listeners of its owner.
    Joined,
    /// It has ended.
    Over,
}

/// Listens to the changes of the caller's tasks after the state `since`, or from now on, until the token expires.
///
/// # Errors
/// [`Refused`].
pub async fn listen(
    store: &Store,
    caller: &Caller,
    since: Option<i64>,
    expires: SystemTime,
    encode: Encode,
) -> Result<Listener, Refused> {
    // Before the clock is read, see `Seat::join`.
    let seat = store.listeners().enter(caller, expires).map_err(Refused::NoPlace)?;
    let clock = tasks::state(store, caller).await.map_err(Refused::Failed)?;
    let begin = since.unwrap_or(clock);
    let progress = if begin == clock { Progress::AtClock(clock) } else { Progress::Behind(begin) };
    Ok(Listener { store: store.clone(), caller: caller.clone(), seat, encode, begin, progress })
}

impl Listener {
    /// The state after which the changes begin.
    #[must_use]
    pub fn begin(&self) -> i64 {
        self.begin
    }

    /// Whether the next delivery is a part of the feed, which is read for this listener alone.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        matches!(self.progress, Progress::Behind(_))
    }

    /// Whether the listener has ended. The next delivery is then the end.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.seat.ended().is_some()
    }

    /// Waits for what comes next. `None` after the end. While the database cannot be reached, a listener that is behind waits.
    ///
    /// # Errors
    /// [`Error::Database`]. Nothing follows.
    pub async fn next(&mut self) -> Option<Result<Delivery, Error>> {
        loop {
            match self.progress {
                Progress::Over => return None,
                Progress::AtClock(state) if self.seat.join(state) => self.progress = Progress::Joined,
                Progress::AtClock(state) => self.progress = Progress::Behind(state),
                // Boxed, because the future is large and a listener that has joined does not need it.
                Progress::Behind(state) => {
                    if let Some(delivery) = Box::pin(self.catch_up(state)).await.transpose() {
                        return Some(self.delivered(delivery));
                    }
                }
                Progress::Joined => {
                    let delivery = self.seat.next().await;
                    return Some(self.delivered(Ok(delivery)));
                }
            }
        }
    }

    fn delivered(&mut self, delivery: Result<Delivery, Error>) -> Result<Delivery, Error> {
        if matches!(delivery, Ok(Delivery::End(_)) | Err(_)) {
            self.progress = Progress::Over;
        }
        delivery
    }

    /// Reads a part of the feed. Returns `None` if there is nothing to deliver.
    async fn catch_up(&mut self, state: i64) -> Result<Option<Delivery>, Error> {
        if let Some(reason) = self.seat.ended() {
            return Ok(Some(Delivery::End(reason)));
        }
        match tasks::changes(&self.store, &self.caller, state, PART).await {
            Ok(feed) => {
                self.progress =
                    if feed.has_more { Progress::Behind(feed.state) } else { Progress::AtClock(feed.state) };
                Ok((!feed.items.is_empty()).then(|| Delivery::Changes((self.encode)(feed.items).bytes)))
            }
            Err(Error::Resync) => {
                self.seat.end(End::Resync);
                Ok(Some(Delivery::End(End::Resync)))
            }
            Err(Error::Busy | Error::Unavailable(_)) => {
                sleep(RETRY).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
