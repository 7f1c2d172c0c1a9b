//! The operations on all that is stored of the caller.

mod erase;
mod export;

pub use erase::*;
pub use export::*;
