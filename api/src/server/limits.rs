use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use service::{Caller, UserId};

use crate::config::LimitsConfig;
use crate::error::Error;

/// Limits how many requests one user and one client address may send to this server, over all of its workers.
pub(crate) struct RateLimits {
    users: RateLimit<UserId>,
    addresses: RateLimit<IpAddr>,
    trust_forwarded_for: bool,
}

/// How often [`RateLimits::forget_idle`] is to be called.
pub(super) const FORGET_EVERY: Duration = Duration::from_mins(1);

impl RateLimits {
    pub(super) fn new(config: &LimitsConfig) -> Self {
        Self {
            users: RateLimit::new(config.per_user),
            addresses: RateLimit::new(config.per_address),
            trust_forwarded_for: config.trust_forwarded_for,
        }
    }

    /// Counts a request of this user.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the user is over the limit.
    pub(super) fn check_user(&self, caller: &Caller) -> Result<(), Error> {
        self.users.check(caller.user_id())
    }

    /// Counts a request of this client address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the address is over the limit.
    pub(super) fn check_address(&self, request: &ServiceRequest) -> Result<(), Error> {
        client_address(request, self.trust_forwarded_for).map_or(Ok(()), |address| self.addresses.check(&address))
    }

    /// Removes the users and addresses that have their full allowance again, so that memory grows only with the active ones.
    pub(super) fn forget_idle(&self) {
        self.users.forget_idle();
        self.addresses.forget_idle();
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

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address of the client: that of the connection, or the one that a trusted proxy reports. Returns `None` for
/// loopback addresses, which are not limited, because all clients behind a proxy on this machine would share one limit.
fn client_address(request: &ServiceRequest, trust_forwarded_for: bool) -> Option<IpAddr> {
    let forwarded = trust_forwarded_for.then(|| request.headers().get_all(FORWARDED_FOR).last()).flatten();
    // The last entry is the one that the proxy itself has added.
    let reported = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    let address = reported.or_else(|| request.peer_addr().map(|peer| peer.ip()))?;
    (!address.is_loopback()).then(|| network(address))
}

/// Returns the /64 network of an IPv6 address, because a client usually has all of it. IPv4 addresses are kept.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}
