//! Live changes: a listener gets each change of its owner soon after the commit.
//!
//! Rows only come through the feed ([`tasks::changes`](crate::tasks::changes)), so a change is never seen before its commit,
//! and never out of order. [`deliver()`] reads for all listeners of the process, once for each owner. A listener that begins at
//! an old position first reads the feed itself, part by part, as fast as its client takes them.

mod deliver;
mod listener;

pub use self::deliver::deliver;
pub use self::listener::{Listener, Refused, listen};
pub use crate::listeners::{Delivery, Encode, End, Listeners, NoPlace, Part};

/// The maximum number of changes that are read at once. It bounds the memory that a listener takes whose client reads slowly.
const PART: u32 = 50;
