use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use super::variables::{ConfigError, Variables};

/// How many requests, in requests a second, and how many connections are accepted.
#[derive(Clone, Copy, Debug)]
pub struct LimitsConfig {
    /// `RATE_LIMIT_PER_SECOND`, for each user. `None` is no limit.
    pub per_user: Option<NonZeroU32>,
    /// `RATE_LIMIT_PER_ADDRESS_PER_SECOND`, for each client address. `None` is no limit.
    pub per_address: Option<NonZeroU32>,
    /// `TRUST_FORWARDED_FOR`: whether `X-Forwarded-For` is believed. Only safe behind a proxy that writes it.
    pub trust_forwarded_for: bool,
    /// `MAX_CONNECTIONS_PER_ADDRESS`. `None` is no limit.
    pub connections_per_address: Option<NonZeroU32>,
    /// `MAX_TASKS_PER_USER`. `None` is no limit.
    pub tasks_per_user: Option<NonZeroU32>,
    /// `MAX_LISTENERS`: streams of events on this server. `None` is no limit.
    pub listeners: Option<NonZeroU32>,
    /// `HISTORY_DAYS`: for how many days changes are kept.
    pub history_days: NonZeroU16,
    /// How slow connections may be. No variable changes it.
    pub timeouts: ConnectionTimeouts,
}

/// How slow a connection may be. Tests shorten these times.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionTimeouts {
    /// How long the head of a request may take to arrive, from its first byte on.
    pub head: Duration,
    /// How long a connection may be idle between two requests. Longer than usual proxies keep one, so that the proxy closes it.
    pub idle: Duration,
    /// How long a client may take no byte of an answer.
    pub unread: Duration,
    /// The time over which the speed of a client that reads slowly is measured.
    pub slow_reader: Duration,
    /// How often the connections are checked. A connection can last this much longer than the other times.
    pub sweep_every: Duration,
}

impl ConnectionTimeouts {
    /// The lowest speed of a client that reads an answer, in bytes per second.
    const SLOWEST_READER: u64 = 1024;

    /// Returns how many bytes a client must take during [`Self::slow_reader`] if it lets the server wait.
    #[must_use]
    pub fn slow_reader_bytes(&self) -> u64 {
        Self::SLOWEST_READER * self.slow_reader.as_secs()
    }
}

impl Default for ConnectionTimeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            unread: Duration::from_secs(30),
            slow_reader: Duration::from_mins(1),
            sweep_every: Duration::from_secs(1),
        }
    }
}

/// Far above the rate of a person's front end, and far below the rate that slows other users down.
const DEFAULT_LIMIT: u32 = 2000;

/// Far more than a person writes.
const DEFAULT_TASKS: u32 = 50_000;

/// They take about 200 MiB.
const DEFAULT_LISTENERS: u32 = 10_000;

/// As long as most people are away.
const DEFAULT_HISTORY: NonZeroU16 = NonZeroU16::MIN.saturating_add(29);

impl LimitsConfig {
    pub(super) fn load(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            per_user: limit(variables, "RATE_LIMIT_PER_SECOND")?,
            per_address: limit(variables, "RATE_LIMIT_PER_ADDRESS_PER_SECOND")?,
            trust_forwarded_for: variables.parse("TRUST_FORWARDED_FOR", false, "true or false")?,
            connections_per_address: variables
                .parse("MAX_CONNECTIONS_PER_ADDRESS", 512, "a number of connections, 0 for no limit")
                .map(NonZeroU32::new)?,
            tasks_per_user: variables
                .parse("MAX_TASKS_PER_USER", DEFAULT_TASKS, "a number of tasks, 0 for no limit")
                .map(NonZeroU32::new)?,
            listeners: variables
                .parse("MAX_LISTENERS", DEFAULT_LISTENERS, "a number of streams of events, 0 for no limit")
                .map(NonZeroU32::new)?,
            history_days: variables.parse("HISTORY_DAYS", DEFAULT_HISTORY, "a number of days from 1 to 65535")?,
            timeouts: ConnectionTimeouts::default(),
        })
    }

    /// Returns the limit of connections per address. There is none behind a trusted proxy, because all connections come from
    /// its address.
    #[must_use]
    pub fn connections(&self) -> Option<NonZeroU32> {
        self.connections_per_address.filter(|_| !self.trust_forwarded_for)
    }
}

fn limit(variables: &Variables, name: &str) -> Result<Option<NonZeroU32>, ConfigError> {
    variables.parse(name, DEFAULT_LIMIT, "a number of requests, 0 for no limit").map(NonZeroU32::new)
}
