//! The keys that Better Auth publishes: reading them, fetching them, and how long they are believed.

mod fetch;
mod set;
mod store;
#[cfg(test)]
pub(crate) mod test_server;

pub(crate) use set::KeySet;
pub(crate) use store::{KeyStore, Unavailable};
