use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Once;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use service::{Caller, UserId};

use super::addresses::{Client, Network, Networks, WIDER_SHARE};
use crate::config::LimitsConfig;
use crate::error::Error;

/// Limits how many requests one user and one client address may send to this server, over all of its workers.
pub(crate) struct RateLimits {
    users: RateLimit<UserId>,
    addresses: RateLimit<Network>,
    /// For the networks around the addresses, see [`WIDER_SHARE`].
    wider_networks: RateLimit<Network>,
    /// For the tasks that a client deletes for a user.
    deletes: RateLimit<(UserId, Box<str>)>,
    trust_forwarded_for: bool,
    unreadable_logged: Once,
}

/// How often [`RateLimits::forget_idle`] is to be called.
pub(super) const FORGET_EVERY: Duration = Duration::from_mins(1);

impl RateLimits {
    pub(super) fn new(config: &LimitsConfig, deletes_per_hour: Option<NonZeroU32>) -> Self {
        Self {
            deletes: RateLimit { limiter: deletes_per_hour.map(|limit| RateLimiter::hashmap(Quota::per_hour(limit))) },
            users: RateLimit::new(config.per_user),
            addresses: RateLimit::new(config.per_address),
            wider_networks: RateLimit::new(
                config.per_address.map(|limit| limit.saturating_mul(NonZeroU32::MIN.saturating_add(WIDER_SHARE - 1))),
            ),
            trust_forwarded_for: config.trust_forwarded_for,
            unreadable_logged: Once::new(),
        }
    }

    /// Counts a request of this user.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the user is over the limit.
    pub(super) fn check_user(&self, caller: &Caller) -> Result<(), Error> {
        self.users.check(caller.user_id())
    }

    /// Counts a task that an agent deletes. Returns the seconds until it may delete the next one, if it has deleted too many.
    pub(super) fn check_delete(&self, caller: &Caller) -> Result<(), u64> {
        let client = caller.actor().unwrap_or_default().into();
        self.deletes.wait(&(caller.user_id().clone(), client))
    }

    /// Counts a request of this client address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the address is over the limit.
    pub(super) fn check_address(&self, request: &ServiceRequest) -> Result<(), Error> {
        match Client::of(request, self.trust_forwarded_for) {
            Client::Loopback => Ok(()),
            Client::At(Networks { own, wider }) => {
                // First the address: its own surplus must not use up the allowance of its neighbours.
                self.addresses.check(&own)?;
                wider.map_or(Ok(()), |network| self.wider_networks.check(&network))
            }
            Client::Unreadable => {
                self.unreadable_logged.call_once(|| {
                    log::warn!(
                        "X-Forwarded-For of the proxy does not end with an address; all such requests share one rate limit \
                         (TRUST_FORWARDED_FOR)"
                    );
                });
                self.addresses.check(&Network::UNREADABLE)
            }
        }
    }

    /// Removes the users and addresses that have their full allowance again, so that memory grows only with the active ones.
    pub(super) fn forget_idle(&self) {
        self.users.forget_idle();
        self.addresses.forget_idle();
        self.wider_networks.forget_idle();
        self.deletes.forget_idle();
    }
}

/// A limit for each key.
struct RateLimit<K: Clone + Eq + Hash> {
    limiter: Option<RateLimiter<K, HashMapStateStore<K>, DefaultClock>>,
}

impl<K: Clone + Eq + Hash> RateLimit<K> {
    /// Allows `per_second` requests a second, and as many at once. `None` is no limit.
    fn new(per_second: Option<NonZeroU32>) -> Self {
        Self { limiter: per_second.map(|limit| RateLimiter::hashmap(Quota::per_second(limit))) }
    }

    fn check(&self, key: &K) -> Result<(), Error> {
        self.wait(key).map_err(|retry_after| Error::RateLimited { retry_after })
    }

    /// Counts one, or returns in how many seconds, at least 1, the next one is allowed.
    fn wait(&self, key: &K) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let seconds = |wait: Duration| wait.as_secs() + 1;
        limiter.check_key(key).map_err(|denied| seconds(denied.wait_time_from(DefaultClock::default().now())))
    }

    fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::config::ConnectionTimeouts;

    /// Returns how many of these requests are accepted, with a limit of 100 a second for each address.
    fn accepted(entries: impl IntoIterator<Item = String>) -> usize {
        let limits = RateLimits::new(
            &LimitsConfig {
                per_user: None,
                per_address: NonZeroU32::new(100),
                trust_forwarded_for: true,
                connections_per_address: None,
                tasks_per_user: None,
                listeners: None,
                history_days: std::num::NonZeroU16::MIN,
                timeouts: ConnectionTimeouts::default(),
            },
            None,
        );
        let request = |entry| TestRequest::get().insert_header(("x-forwarded-for", entry)).to_srv_request();
        entries.into_iter().filter(|entry| limits.check_address(&request(entry.clone())).is_ok()).count()
    }

    /// A machine may take some time for the requests, in which the allowance grows.
    fn assert_about(accepted: usize, expected: usize) {
        assert!((expected..2 * expected).contains(&accepted), "{accepted} of about {expected}");
    }

    #[test]
    fn a_48_network_has_eight_times_the_allowance_of_an_address() {
        assert_about(accepted((0..5000).map(|number| format!("2001:db8:0:{number:x}::1"))), 800);
        assert_eq!(accepted((0..5000).map(|number| format!("2001:db8:{number:x}::1"))), 5000);
    }

    #[test]
    fn a_64_network_has_the_allowance_of_an_address() {
        assert_about(accepted((0..5000).map(|number| format!("2001:db8::{number:x}"))), 100);
    }

    #[test]
    fn clients_whose_address_cannot_be_read_share_one_allowance() {
        assert_about(accepted((0..5000).map(|number| format!("203.0.113.7, client-{number}"))), 100);
    }
}
