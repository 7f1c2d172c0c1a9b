//! How often a user may ask.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use service::UserId;

use crate::error::Error;

/// How many requests one user may make, over all of their devices, on this server.
pub struct RateLimit {
    limiter: Option<RateLimiter<UserId, HashMapStateStore<UserId>, DefaultClock>>,
}

/// Users whose allowance is full again are forgotten this often.
pub const FORGET_EVERY: Duration = Duration::from_mins(1);

impl RateLimit {
    /// `per_second` requests a second, as many at once; `None` for no limit.
    #[must_use]
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        Self { limiter: per_second.map(|limit| RateLimiter::hashmap(Quota::per_second(limit))) }
    }

    /// Counts a request of this user.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when it is one too many.
    pub fn check(&self, user: &UserId) -> Result<(), Error> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(user).map_err(|denied| {
            let wait = denied.wait_time_from(DefaultClock::default().now());
            Error::RateLimited { retry_after: wait.as_secs() + 1 }
        })
    }

    /// Forgets the users whose allowance is full again, so that memory is bounded by those who are active.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}
