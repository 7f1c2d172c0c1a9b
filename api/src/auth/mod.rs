//! Turns the `Authorization` header into a [`Caller`](service::Caller), or 401. No other room knows about tokens.
//!
//! `bearer` finds the token, `jws` parses it, [`Verifier`] checks its signature (with the shared secret, or with one of
//! `keys`), `claims` checks its content, and `cache` keeps the result for the next request with the same token.

mod bearer;
mod cache;
mod claims;
mod issue;
mod jws;
mod keys;
mod rejection;
mod scopes;
mod verifier;

pub use issue::{issue, operator_as};
pub use rejection::Rejection;
pub use scopes::Scopes;
pub use verifier::{OnKeyFetch, Verifier};

/// Why a request has no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The token is missing or was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The token could not be verified, because the key server cannot be reached.
    #[error("no keys to verify the token with")]
    KeysUnavailable,
}
