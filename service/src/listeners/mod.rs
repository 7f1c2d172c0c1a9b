//! The listeners of this process: who listens, and what waits for each. The room knows no SQL. `live` fills it.
//!
//! The listeners of an owner share one position: the number up to which their changes were delivered. A listener joins at the
//! number that it has reached itself, and gets only changes after it.

mod mailbox;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::Notify;

use self::mailbox::Mailbox;
pub use self::mailbox::{Delivery, End};
use crate::model::FeedItem;
use crate::{Caller, UserId};

/// The maximum number of listeners of one user.
const MOST_OF_USER: usize = 10;
/// Each listener gets a sign of life in one of so many seconds.
const BEAT_EVERY: u64 = 15;

/// The function that writes changes as they are sent.
pub type Encode = Arc<dyn Fn(Vec<FeedItem>) -> Part + Send + Sync>;

/// Changes in the order of their numbers, as they are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The changes, one after the other.
    pub bytes: Bytes,
    /// For each change its number, and the position at which it begins.
    pub starts: Vec<(i64, usize)>,
}

impl Part {
    /// The changes after a number. `None` if there are none.
    fn after(&self, number: i64) -> Option<Bytes> {
        let first = self.starts.partition_point(|(version, _)| *version <= number);
        self.starts.get(first).map(|(_, start)| self.bytes.slice(*start..))
    }
}

/// Why there is no place for a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The user has as many listeners as one may have.
    OfUser,
    /// The process has as many listeners as it may have.
    OfProcess,
    /// The server stops.
    Stopping,
}

/// All listeners of this process.
#[derive(Debug)]
pub struct Listeners {
    /// The number of listeners. Writes look at it alone if there are none.
    count: AtomicUsize,
    /// The maximum number of listeners.
    max: usize,
    /// The number of listeners that the server has ended, by the reason.
    ended: [AtomicU64; End::ALL.len()],
    registry: Mutex<Registry>,
    /// Notified if an owner is to be read, and by the first listener.
    work: Notify,
    /// The right to read for the listeners, which one task at a time has.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Registry {
    owners: HashMap<UserId, Owner>,
    /// The owners to read next, each once.
    moved: VecDeque<UserId>,
    is_stopping: bool,
    last_id: u64,
    seconds: u64,
}

/// An owner with listeners.
#[derive(Debug)]
struct Owner {
    caller: Caller,
    /// The number up to which changes were delivered. `None` if no listener has joined yet.
    position: Option<i64>,
    /// Whether something was written since the last read began.
    has_moved: bool,
    /// Whether the owner is among those to read next.
    is_queued: bool,
    is_being_read: bool,
    places: Vec<Place>,
}

/// A listener of an owner.
#[derive(Debug)]
struct Place {
    id: u64,
    /// The number after which the listener gets changes. `None` if it has not joined yet.
    after: Option<i64>,
    expires: SystemTime,
    mailbox: Arc<Mailbox>,
}

impl Listeners {
    /// Permits this many listeners. `None` is no limit.
    pub(crate) fn new(max: Option<NonZero<u32>>) -> Self {
        Self {
            count: AtomicUsize::new(0),
            max: max.map_or(usize::MAX, |max| max.get() as usize),
            ended: Default::default(),
            registry: Mutex::default(),
            work: Notify::new(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The number of listeners.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The number of listeners that the server has ended for this reason.
    #[must_use]
    pub fn ended(&self, reason: End) -> u64 {
        self.ended[reason as usize].load(Ordering::Relaxed)
    }

    /// Ends all listeners, and accepts no more.
    pub fn stop(&self) {
        let mut registry = self.lock();
        registry.is_stopping = true;
        for place in registry.owners.values().flat_map(|owner| &owner.places) {
            self.end(place, End::Stopping);
        }
    }

    /// Takes a place for a listener, which has not joined yet.
    pub(crate) fn enter(self: &Arc<Self>, caller: &Caller, expires: SystemTime) -> Result<Seat, NoPlace> {
        let mut registry = self.lock();
        if registry.is_stopping {
            return Err(NoPlace::Stopping);
        }
        let places = registry.owners.get(caller.user_id()).map_or(0, |owner| owner.places.len());
        if places >= MOST_OF_USER {
            return Err(NoPlace::OfUser);
        }
        if self.count.load(Ordering::Relaxed) >= self.max {
            return Err(NoPlace::OfProcess);
        }
        registry.last_id += 1;
        let (id, mailbox) = (registry.last_id, Arc::<Mailbox>::default());
        let place = Place { id, after: None, expires, mailbox: Arc::clone(&mailbox) };
        let owner = registry.owners.entry(caller.user_id().clone()).or_insert_with(|| Owner {
            caller: caller.clone(),
            position: None,
            has_moved: false,
            is_queued: false,
            is_being_read: false,
            places: Vec::with_capacity(1),
        });
        owner.places.push(place);
        if self.count.fetch_add(1, Ordering::SeqCst) == 0 {
            self.work.notify_one();
        }
        Ok(Seat { listeners: Arc::clone(self), user: caller.user_id().clone(), id, mailbox })
    }

    /// Records that these owners were written to and the writes are committed.
    pub(crate) fn wrote<'a>(&self, owners: impl Iterator<Item = &'a UserId>) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut registry = self.lock();
        for user in owners {
            registry.has_moved(user);
        }
        if !registry.moved.is_empty() {
            self.work.notify_one();
        }
    }

    /// Waits until there are owners to read or the first listener is there. It can return without a reason.
    pub(crate) async fn work(&self) {
        self.work.notified().await;
    }

    /// The next owners to read, up to a maximum, each with the number after which changes are wanted.
    pub(crate) fn next_moved(&self, most: usize) -> Vec<(Caller, i64)> {
        let mut registry = self.lock();
        let mut next = Vec::new();
        while next.len() < most
            && let Some(user) = registry.moved.pop_front()
        {
            let Some(owner) = registry.owners.get_mut(&user) else { continue };
            owner.is_queued = false;
            if let Some(position) = owner.position.filter(|_| !owner.is_being_read) {
                owner.is_being_read = true;
                owner.has_moved = false;
                next.push((owner.caller.clone(), position));
            }
        }
        next
    }

    /// Delivers the changes of an owner from one number to another, unless the listeners are at another position by now.
    /// Returns how soon the next ones may follow.
    pub(crate) fn deliver(&self, user: &UserId, (from, to): (i64, i64), part: &Part) -> Pace {
        let mut registry = self.lock();
        let mut pace = Pace::Free;
        let Some(owner) = registry.owners.get_mut(user).filter(|owner| owner.position == Some(from)) else {
            return pace;
        };
        owner.position = Some(to);
        for place in &owner.places {
            let Some(changes) = place.after.and_then(|after| part.after(after)) else { continue };
            if !place.mailbox.push(changes) {
                self.end(place, End::Slow);
            } else if place.mailbox.is_half_full() {
                pace = Pace::Pause;
            }
        }
        pace
    }

    /// Ends the listeners of an owner who have joined, because the changes after their position are not known.
    pub(crate) fn resync(&self, user: &UserId, position: i64) {
        let mut registry = self.lock();
        let Some(owner) = registry.owners.get_mut(user).filter(|owner| owner.position == Some(position)) else {
            return;
        };
        owner.position = None;
        for place in &mut owner.places {
            if place.after.take().is_some() {
                self.end(place, End::Resync);
            }
        }
    }

    /// Records that an owner is no longer being read.
    pub(crate) fn was_read(&self, user: &UserId, pace: Pace) {
        let mut registry = self.lock();
        let Some(owner) = registry.owners.get_mut(user) else { return };
        owner.is_being_read = false;
        match pace {
            Pace::AtEnd if !owner.has_moved => {}
            Pace::Later => owner.has_moved = true,
            Pace::AtEnd | Pace::Free | Pace::Pause => registry.has_moved(user),
        }
    }

    /// Records that the clocks of these owners are not at their positions.
    pub(crate) fn have_moved<'a>(&self, users: impl Iterator<Item = &'a UserId>) {
        let mut registry = self.lock();
        users.for_each(|user| registry.has_moved(user));
    }

    /// Does what is due once a second: ends the listeners whose token has expired, and gives a part of them a sign of life.
    /// Returns the owners whose clocks must be compared, with their positions.
    pub(crate) fn each_second(&self, now: SystemTime) -> Vec<(UserId, i64)> {
        let mut registry = self.lock();
        registry.seconds += 1;
        let beat = registry.seconds % BEAT_EVERY;
        let mut compared = Vec::with_capacity(registry.owners.len());
        let Registry { owners, moved, .. } = &mut *registry;
        for (user, owner) in owners {
            for place in &owner.places {
                if place.expires <= now {
                    self.end(place, End::Expired);
                } else if place.id % BEAT_EVERY == beat {
                    place.mailbox.beat();
                }
            }
            let Some(position) = owner.position.filter(|_| !owner.is_being_read && !owner.is_queued) else { continue };
            if owner.has_moved {
                owner.is_queued = true;
                moved.push_back(user.clone());
            } else {
                compared.push((user.clone(), position));
            }
        }
        compared
    }

    fn end(&self, place: &Place, reason: End) {
        if place.mailbox.end(reason) {
            self.ended[reason as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How soon an owner is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// After the next write, because there are no more changes.
    AtEnd,
    /// At once, because there are more changes.
    Free,
    /// After a pause, because a listener has not taken the last changes yet.
    Pause,
    /// At the next second, because the read has failed.
    Later,
}

impl Registry {
    /// Records that an owner was written to, and queues the owner if there is a position to read from.
    fn has_moved(&mut self, user: &UserId) {
        let Some(owner) = self.owners.get_mut(user) else { return };
        owner.has_moved = true;
        if owner.position.is_some() && !owner.is_queued && !owner.is_being_read {
            owner.is_queued = true;
            self.moved.push_back(user.clone());
        }
    }
}

/// The place of a listener. It is free when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    listeners: Arc<Listeners>,
    user: UserId,
    id: u64,
    mailbox: Arc<Mailbox>,
}

impl Seat {
    /// Joins the listeners of the owner, with everything up to this number. Returns false if the others are ahead.
    ///
    /// The clock must have been read after the place was taken. Then no write of this process is missed: each is found by the
    /// read, or recorded here.
    pub(crate) fn join(&self, state: i64) -> bool {
        let mut registry = self.listeners.lock();
        let Some(owner) = registry.owners.get_mut(&self.user) else { return false };
        // Without listeners that have joined, the position is an old one.
        if owner.places.iter().all(|place| place.after.is_none()) {
            owner.position = None;
        }
        let position = *owner.position.get_or_insert(state);
        if position > state {
            return false;
        }
        if let Some(place) = owner.places.iter_mut().find(|place| place.id == self.id) {
            place.after = Some(state);
        }
        if owner.has_moved {
            registry.has_moved(&self.user);
            self.listeners.work.notify_one();
        }
        true
    }

    /// The reason of the end, if the listener has ended.
    pub(crate) fn ended(&self) -> Option<End> {
        self.mailbox.ended()
    }

    /// Ends the listener.
    pub(crate) fn end(&self, reason: End) {
        if self.mailbox.end(reason) {
            self.listeners.ended[reason as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&self) -> Delivery {
        self.mailbox.next().await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut registry = self.listeners.lock();
        if let Entry::Occupied(mut owner) = registry.owners.entry(self.user.clone()) {
            owner.get_mut().places.retain(|place| place.id != self.id);
            if owner.get().places.is_empty() {
                owner.remove();
            }
        }
        self.listeners.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
