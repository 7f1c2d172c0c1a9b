//! The operations on all stored data of the caller.

mod erase;
mod export;

pub use erase::*;
pub use export::*;
