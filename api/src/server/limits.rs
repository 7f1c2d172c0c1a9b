//! How often a user may ask.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use service::UserId;

use crate::error::Error;

/// How many requests one user may make, over all of their devices, and one address, whoever calls from there, on this server.
pub struct RateLimits {
    /// By user.
    pub users: RateLimit<UserId>,
    /// By the address of the client.
    pub addresses: RateLimit<IpAddr>,
}

impl RateLimits {
    /// Forgets those whose allowance is full again, so that memory is bounded by those who are active.
    pub fn forget_idle(&self) {
        self.users.forget_idle();
        self.addresses.forget_idle();
    }
}

/// A limit for each key.
pub struct RateLimit<K: Clone + Eq + Hash> {
    limiter: Option<RateLimiter<K, HashMapStateStore<K>, DefaultClock>>,
}

/// Those whose allowance is full again are forgotten this often.
pub const FORGET_EVERY: Duration = Duration::from_mins(1);

impl<K: Clone + Eq + Hash> RateLimit<K> {
    /// `per_second` requests a second, as many at once; `None` for no limit.
    #[must_use]
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        Self { limiter: per_second.map(|limit| RateLimiter::hashmap(Quota::per_second(limit))) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when it is one too many.
    pub fn check(&self, key: &K) -> Result<(), Error> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(key).map_err(|denied| {
            let wait = denied.wait_time_from(DefaultClock::default().now());
            Error::RateLimited { retry_after: wait.as_secs() + 1 }
        })
    }

    fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}
