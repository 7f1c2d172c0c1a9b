use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use super::claims::Verdict;

/// The most tokens that are cached. Each takes about 100 bytes and the length of the user's id.
const MAX_TOKENS: usize = 10_000;

/// Caches the verdicts on tokens that the same keys have signed. A cached token is only checked for expiry. The cache is
/// dropped together with the keys.
pub(super) struct TokenCache(Cache<Fingerprint, Verdict>);

/// The SHA-256 of a token, the key of the cache. It has one size for tokens of any length and is not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(fingerprint)
    }
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }

    pub(super) fn get(&self, token: &Fingerprint) -> Option<Verdict> {
        self.0.get(token)
    }

    /// Stores a verdict. A full cache evicts the tokens that are used least.
    pub(super) fn insert(&self, token: Fingerprint, verdict: &Verdict) {
        self.0.insert(token, verdict.clone());
    }
}
