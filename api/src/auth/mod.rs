//! From the `Authorization` header to a [`Caller`](service::Caller), or 401. Nothing else knows about tokens.

mod bearer;
mod guard;
mod rejection;
mod token;

pub use guard::guard;
pub use rejection::Rejection;
pub use token::{Verifier, issue};
