use std::num::NonZeroU32;

use super::variables::{ConfigError, Variables};

/// How many requests are accepted, in requests a second.
#[derive(Clone, Copy, Debug)]
pub struct LimitsConfig {
    /// `RATE_LIMIT_PER_SECOND`, for each user. `None` is no limit.
    pub per_user: Option<NonZeroU32>,
    /// `RATE_LIMIT_PER_ADDRESS_PER_SECOND`, for each client address. `None` is no limit.
    pub per_address: Option<NonZeroU32>,
    /// `TRUST_FORWARDED_FOR`: whether `X-Forwarded-For` is believed. Only safe behind a proxy that writes it.
    pub trust_forwarded_for: bool,
}

/// Far above the rate of a person's front end, and far below the rate that slows other users down.
const DEFAULT_LIMIT: u32 = 2000;

impl LimitsConfig {
    pub(super) fn load(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            per_user: limit(variables, "RATE_LIMIT_PER_SECOND")?,
            per_address: limit(variables, "RATE_LIMIT_PER_ADDRESS_PER_SECOND")?,
            trust_forwarded_for: variables.parse("TRUST_FORWARDED_FOR", false, "true or false")?,
        })
    }
}

fn limit(variables: &Variables, name: &str) -> Result<Option<NonZeroU32>, ConfigError> {
    variables.parse(name, DEFAULT_LIMIT, "a number of requests, 0 for no limit").map(NonZeroU32::new)
}
