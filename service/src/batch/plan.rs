use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Holds, Key, Lane};

/// How a queue makes its batches, and when it sends them.
pub(crate) struct Plan<K: Key> {
    pub(crate) pace: Pace,
    pub(crate) mix: Mix,
    /// The keys in flight, in this queue and in those that share them. `None` if a key can be in several batches at a time.
    pub(crate) holds: Option<Arc<Holds<K>>>,
}

/// When a queue sends its batches.
pub(crate) enum Pace {
    /// In turns with the other queues of a lane.
    Turns(Arc<Lane>),
    /// As soon as there is a permit. Queues can share their permits.
    Permits(Arc<Semaphore>),
}

/// Which requests a batch can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Requests with any keys.
    Any,
    /// Requests with any keys, but at most this many with one key, so that one caller cannot fill the batches.
    AtMostOfOneKey(usize),
    /// Requests with one key.
    OneKey,
}

impl<K: Key> Plan<K> {
    /// Batches of any requests, in turns.
    pub(crate) fn in_turns(lane: &Arc<Lane>, holds: Option<Arc<Holds<K>>>) -> Self {
        Self { pace: Pace::Turns(Arc::clone(lane)), mix: Mix::Any, holds }
    }
}
