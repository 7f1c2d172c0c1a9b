use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use actix_web::web::Bytes;
use service::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::Error;

/// The memory for answers that are built whole and wait to be written, in bytes. They wait for as long as their clients read
/// slowly, so without a limit a few hundred clients take gigabytes.
const ALL_BYTES: u32 = 64 * 1024 * 1024;
/// The part of it that one user may have. Without this limit one user who does not read would keep all others from their lists.
const USER_BYTES: u32 = ALL_BYTES / 4;
/// The part of one user that is not taken from the common memory, so that others cannot keep a user from lists of usual sizes.
const OWN_BYTES: u32 = 256 * 1024;
/// How long a request may wait for memory.
const WAIT: Duration = Duration::from_secs(5);
/// Smaller answers are not counted. Their connections hold more than they do.
const COUNTED_FROM: usize = 16 * 1024;

/// The memory for answers, shared by all workers. One permit is one byte.
pub(crate) struct AnswerMemory {
    all: Arc<Semaphore>,
    users: Mutex<HashMap<UserId, Weak<Semaphore>>>,
    /// How long a request waits.
    wait: Duration,
}

/// A part of the memory, given back when this is dropped.
pub(crate) struct Held {
    of_user: OwnedSemaphorePermit,
    /// `None` if it is the first that the user holds, and at most [`OWN_BYTES`].
    of_all: Option<OwnedSemaphorePermit>,
}

impl Default for AnswerMemory {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL_BYTES as usize)), users: Mutex::default(), wait: WAIT }
    }
}

impl AnswerMemory {
    /// Takes memory for an answer, and waits up to 5 s for it. Requests of one user wait in line for the user's part, so that
    /// they are not before those of others. More than a user may have is taken as all of it.
    ///
    /// # Errors
    /// [`Error::Busy`] if there is none in that time.
    pub(crate) async fn hold(&self, user: &UserId, bytes: u32) -> Result<Held, Error> {
        let bytes = bytes.min(USER_BYTES);
        let acquire = async {
            let of_user = self.of_user(user).acquire_many_owned(bytes).await.ok()?;
            if is_own(&of_user) {
                return Some(Held { of_user, of_all: None });
            }
            let of_all = Arc::clone(&self.all).acquire_many_owned(bytes).await.ok()?;
            Some(Held { of_user, of_all: Some(of_all) })
        };
        timeout(self.wait, acquire).await.ok().flatten().ok_or(Error::Busy)
    }

    /// Takes memory for an answer, or returns `None` if there is none at the moment.
    pub(crate) fn try_hold(&self, user: &UserId, bytes: usize) -> Option<Held> {
        let bytes = permits(bytes);
        let of_user = self.of_user(user).try_acquire_many_owned(bytes).ok()?;
        if is_own(&of_user) {
            return Some(Held { of_user, of_all: None });
        }
        let of_all = Arc::clone(&self.all).try_acquire_many_owned(bytes).ok()?;
        Some(Held { of_user, of_all: Some(of_all) })
    }

    /// Makes the body of an answer to this user. The body is counted until it has been written or its connection has ended.
    /// `held` is what was taken for it before.
    ///
    /// # Errors
    /// [`Error::Busy`] if the answer is larger than expected, and there is no memory for the rest.
    pub(crate) fn body(&self, user: &UserId, json: Bytes, held: Option<Held>) -> Result<Bytes, Error> {
        if json.len() < COUNTED_FROM {
            return Ok(json);
        }
        let held = match held {
            Some(held) => held.resize(json.len(), &self.all),
            None => self.try_hold(user, json.len()),
        };
        let held = held.ok_or(Error::Busy)?;
        Ok(Bytes::from_owner(Counted { json, _held: held }))
    }

    /// Returns the user's part. It is forgotten once nothing of it is held.
    fn of_user(&self, user: &UserId) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = users.get(user).and_then(Weak::upgrade) {
            return part;
        }
        users.retain(|_, part| part.strong_count() > 0);
        let part = Arc::new(Semaphore::new(USER_BYTES as usize));
        users.insert(user.clone(), Arc::downgrade(&part));
        part
    }
}

impl Held {
    /// Gives back what is too much, or takes more.
    fn resize(mut self, bytes: usize, all: &Arc<Semaphore>) -> Option<Self> {
        let (bytes, held) = (permits(bytes) as usize, self.of_user.num_permits());
        if bytes <= held {
            drop(self.of_user.split(held - bytes));
            if let Some(of_all) = &mut self.of_all {
                drop(of_all.split(held - bytes));
            }
            return Some(self);
        }
        let more = permits(bytes - held);
        self.of_user.merge(Arc::clone(self.of_user.semaphore()).try_acquire_many_owned(more).ok()?);
        match &mut self.of_all {
            Some(of_all) => of_all.merge(Arc::clone(all).try_acquire_many_owned(more).ok()?),
            None if is_own(&self.of_user) => {}
            None => self.of_all = Some(Arc::clone(all).try_acquire_many_owned(permits(bytes)).ok()?),
        }
        Some(self)
    }
}

/// Whether this is all that the user holds, and not more than is the user's own.
fn is_own(of_user: &OwnedSemaphorePermit) -> bool {
    let held = of_user.num_permits();
    held <= OWN_BYTES as usize && of_user.semaphore().available_permits() + held == USER_BYTES as usize
}

/// Returns the permits for this many bytes, at most as many as one user may have, so that waiting for them can succeed.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).min(USER_BYTES)
}

/// A body with what is held for it.
struct Counted {
    json: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn user(name: &str) -> UserId {
        UserId::parse(name.to_owned()).unwrap()
    }

    #[test]
    fn one_user_gets_a_quarter_of_the_memory_and_all_users_together_all_of_it() {
        let memory = AnswerMemory::default();
        let mut held: Vec<Held> = (0..16).map(|_| memory.try_hold(&user("alice"), MIB).unwrap()).collect();
        assert!(memory.try_hold(&user("alice"), 1).is_none());
        for name in ["bob", "carol", "dave"] {
            held.push(memory.try_hold(&user(name), 16 * MIB).unwrap());
        }
        assert!(memory.try_hold(&user("erin"), MIB).is_none());
        // A list of a usual size is not taken from the common memory, but a second one is.
        held.push(memory.try_hold(&user("erin"), 100_000).unwrap());
        assert!(memory.try_hold(&user("erin"), 1).is_none());
        held.clear();
        assert!(memory.try_hold(&user("erin"), 16 * MIB).is_some());
        assert_eq!(memory.users.lock().unwrap().len(), 1);
    }

    #[test]
    fn an_answer_is_counted_by_its_size_until_its_last_part_is_dropped() {
        let memory = AnswerMemory::default();
        let left = || memory.all.available_permits();
        let all = left();
        let reserved = memory.try_hold(&user("alice"), MIB);
        let mut body = memory.body(&user("alice"), Bytes::from(vec![0; 500_000]), reserved).unwrap();
        assert_eq!(left(), all - 500_000);
        let part = body.split_to(1000);
        drop(body);
        assert_eq!(left(), all - 500_000);
        drop(part);
        assert_eq!(left(), all);

        let reserved = memory.try_hold(&user("alice"), 1000);
        let body = memory.body(&user("alice"), Bytes::from(vec![0; 500_000]), reserved).unwrap();
        assert_eq!(left(), all - 500_000);
        let small = memory.body(&user("alice"), Bytes::from(vec![0; 1000]), None).unwrap();
        assert_eq!(left(), all - 500_000);
        drop((body, small));
        assert_eq!(left(), all);
    }

    #[test]
    fn an_answer_that_has_grown_beyond_the_users_part_is_refused() {
        let memory = AnswerMemory::default();
        let (first, second) = (memory.try_hold(&user("alice"), 15 * MIB), memory.try_hold(&user("alice"), 1000));
        let refused = memory.body(&user("alice"), Bytes::from(vec![0; 2 * MIB]), second);
        assert!(matches!(refused, Err(Error::Busy)));
        drop(first);
        assert_eq!(memory.all.available_permits(), ALL_BYTES as usize);
    }

    #[tokio::test]
    async fn a_request_waits_for_memory_and_is_refused_if_none_is_given_back_in_time() {
        let memory = AnswerMemory { wait: Duration::from_millis(50), ..AnswerMemory::default() };
        let held = memory.hold(&user("alice"), USER_BYTES).await.unwrap();
        let alice = user("alice");
        assert!(matches!(memory.hold(&alice, 1).await, Err(Error::Busy)));
        // The join polls the request first, so that it waits.
        let (waited, ()) = tokio::join!(memory.hold(&alice, 1), async { drop(held) });
        assert!(waited.is_ok());
    }
}
