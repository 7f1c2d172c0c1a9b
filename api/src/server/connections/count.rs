use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::addresses::{Network, Networks, WIDER_SHARE};

/// The shortest time between two log lines about refused connections.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// Counts the open connections of each client address, over all workers. It is only used when a connection opens or closes.
pub(in crate::server) struct ConnectionCount {
    limit: Option<NonZeroU32>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    networks: HashMap<Network, u32>,
    last_logged: Option<Instant>,
}

/// A connection that is counted until this is dropped.
pub(super) struct Counted(Option<(Arc<ConnectionCount>, Networks)>);

impl ConnectionCount {
    /// Limits the connections of one address. `None` is no limit.
    pub(in crate::server) fn new(limit: Option<NonZeroU32>) -> Arc<Self> {
        Arc::new(Self { limit, open: Mutex::default() })
    }

    /// Counts a connection of this address. Returns `None` if the address, or its wider network, has all that it may have.
    /// Loopback addresses have no limit.
    pub(super) fn count(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Counted> {
        let (Some(limit), Some(networks)) = (self.limit, address.and_then(Networks::of)) else {
            return Some(Counted(None));
        };
        let limits = networks.shares(limit.get());
        let mut open = self.lock();
        let is_full = |(network, limit)| open.networks.get(&network).is_some_and(|count| *count >= limit);
        if limits.clone().any(is_full) {
            if open.last_logged.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
                open.last_logged = Some(Instant::now());
                log::warn!(
                    "{} has {limit} open connections, or its /48 network {WIDER_SHARE} times as many; its next ones are closed \
                     (MAX_CONNECTIONS_PER_ADDRESS)",
                    networks.own
                );
            }
            return None;
        }
        for (network, _) in limits {
            *open.networks.entry(network).or_default() += 1;
        }
        Some(Counted(Some((Arc::clone(self), networks))))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((count, networks)) = &self.0 else { return };
        let mut open = count.lock();
        for (network, _) in networks.shares(0) {
            if let Some(connections) = open.networks.get_mut(&network) {
                *connections -= 1;
                if *connections == 0 {
                    open.networks.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(limit: u32) -> Arc<ConnectionCount> {
        ConnectionCount::new(NonZeroU32::new(limit))
    }

    fn connect(count: &Arc<ConnectionCount>, address: &str) -> Option<Counted> {
        count.count(Some(address.parse().unwrap()))
    }

    #[test]
    fn an_address_has_at_most_its_limit_of_connections_and_gets_new_ones_when_others_close() {
        let count = count(2);
        let first = connect(&count, "203.0.113.7");
        let second = connect(&count, "203.0.113.7");
        assert!(first.is_some() && second.is_some());
        assert!(connect(&count, "203.0.113.7").is_none());
        assert!(connect(&count, "203.0.113.8").is_some());
        drop(first);
        assert!(connect(&count, "203.0.113.7").is_some());
        drop(second);
        assert!(count.lock().networks.is_empty());
    }

    #[test]
    fn a_64_network_shares_one_limit_and_a_48_network_eight() {
        let count = count(1);
        let open: Vec<_> = (0..WIDER_SHARE).map(|number| connect(&count, &format!("2001:db8:0:{number}::1"))).collect();
        assert!(open.iter().all(Option::is_some));
        assert!(connect(&count, "2001:db8:0:0::2").is_none());
        assert!(connect(&count, "2001:db8:0:ff::1").is_none());
        assert!(connect(&count, "2001:db8:1::1").is_some());
    }

    #[test]
    fn loopback_addresses_have_no_limit_in_any_notation() {
        let count = count(1);
        let open = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.1"]
            .map(|text| connect(&count, text));
        assert!(open.iter().all(Option::is_some));
    }
}
