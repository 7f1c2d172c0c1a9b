//! From the `Authorization` header to a [`Caller`](service::Caller), or 401. Nothing else knows about tokens.
//!
//! `bearer` finds the token, `jws` takes it apart, [`Verifier`] finds who signed it (the shared secret, or one of
//! `keys`), `claims` judges what it says, and `memory` saves all of that for a token that was judged before.

pub(crate) mod bearer;
mod claims;

mod cache;
mod issue;
mod jws;
mod keys;
mod rejection;
mod verifier;

pub use issue::issue;
pub use rejection::Rejection;
pub use verifier::Verifier;
