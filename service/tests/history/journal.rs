//! The journal of a process of clients: a file that survives its death.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::state::{Action, State};

/// A request to the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The name of this attempt. The change has it as its actor.
    pub(crate) name: String,
    /// The name that all attempts at the same request have in common.
    pub(crate) group: String,
    pub(crate) owner: String,
    pub(crate) action: Action,
    /// The versions of which the task or the list must have one.
    pub(crate) if_versions: Option<Vec<i64>>,
    /// Whether all attempts have the group as their idempotency key.
    pub(crate) has_key: bool,
}

/// The end of an attempt, as its client saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It wrote one task: the task after it, or before a delete.
    Task(i64, State),
    /// It wrote this number of tasks.
    Count(u64),
    /// It wrote nothing, because an earlier attempt with the same key has written: the answer to that one.
    Replayed(Box<Outcome>),
    /// It certainly wrote nothing.
    Refused(String),
    /// It may have written.
    Unknown(String),
    /// The service failed in a way in which it must not fail.
    Defect(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// It is written before the request is sent.
    Sent(Request),
    /// The attempt with this name has ended. Those that a client abandons have no end.
    Ended(String, Outcome),
    /// A list of an owner, complete: its state, and the versions of the tasks by their ids.
    Listed(String, i64, Vec<(i64, i64)>),
    /// A copy of an owner's tasks that was made from the feed alone, at its state.
    Followed(String, i64, Vec<(i64, i64)>),
    /// The proxy has applied the rewrite with this place for the first time.
    Rewrote(usize),
}

/// An event with its time, in nanoseconds of the clock that all processes of this machine share and nothing sets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) time: i128,
    pub(crate) event: Event,
}

pub(crate) struct Journal(Mutex<File>);

impl Journal {
    pub(crate) fn append_to(path: &Path) -> Self {
        Self(Mutex::new(OpenOptions::new().create(true).append(true).open(path).unwrap()))
    }

    /// Hands the event to the operating system, which keeps it if this process is killed.
    pub(crate) fn write(&self, event: Event) {
        let mut file = self.0.lock().unwrap();
        let now = clock_gettime(ClockId::Monotonic);
        let time = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
        let mut line = serde_json::to_vec(&Entry { time, event }).unwrap();
        line.push(b'\n');
        file.write_all(&line).unwrap();
    }
}

/// The entries of a journal. A last line that the death of the process has cut is left out: its request was not sent.
pub(crate) fn read(path: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}
