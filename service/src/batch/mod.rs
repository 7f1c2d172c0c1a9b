//! Batches concurrent requests of one kind into a single SQL statement.
//!
//! The first request is sent immediately. Requests that arrive while it is in flight wait, and are sent together when it returns.
//! There is no timer: a request never waits for requests that have not arrived. One round trip and one commit are shared by as
//! many requests as the load itself brings together.
//!
//! Kinds that share a [`Lane`] take turns, so that few large batches share the machine instead of many small ones. A batch that
//! is late loses its turn, and the other kinds go on.
//!
//! If the tables are split by owner, a batch has requests of one owner only, and batches of several owners are in flight at the
//! same time ([`Plan`]).
//!
//! This room knows neither tasks nor SQL: an [`Operation`] says how a batch is run.

#[expect(clippy::module_inception, reason = "the batch itself is one of the parts of this room")]
mod batch;
mod holds;
mod lane;
mod operation;
mod plan;
mod queue;
mod runner;

pub(crate) use self::batch::Batch;
pub(crate) use self::holds::{Holds, Key};
pub(crate) use self::lane::Lane;
pub(crate) use self::operation::Operation;
pub(crate) use self::plan::{Mix, Pace, Plan};
pub(crate) use self::queue::Queue;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. A panic while it was locked does not matter: each change of the guarded values is complete in itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
