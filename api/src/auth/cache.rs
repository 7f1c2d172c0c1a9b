use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use super::claims::Verdict;

/// How many tokens are remembered at most; about 100 bytes each, and the user's id.
const REMEMBERED: usize = 10_000;

/// The tokens that the same keys have been seen to sign, and what they say: the next request with one of them need not be
/// judged anew, except whether it has expired. Goes with the keys.
pub(super) struct Memory(Cache<Fingerprint, Verdict>);

/// A token's SHA-256, by which it is remembered: of one size however long the token is, and no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(fingerprint)
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    /// What was found out about this very token before.
    pub(super) fn recall(&self, token: &Fingerprint) -> Option<Verdict> {
        self.0.get(token)
    }

    /// Keeps what was found out; the tokens that were used least are forgotten for it.
    pub(super) fn keep(&self, token: Fingerprint, verdict: &Verdict) {
        self.0.insert(token, verdict.clone());
    }
}
