//! The keys that Better Auth publishes: fetching, parsing, and how long they are used.

mod fetch;
mod set;
mod small_order;
mod store;
#[cfg(test)]
pub(crate) mod test_server;

pub(crate) use set::KeySet;
pub(crate) use store::{KeyStore, Miss, Unavailable};
