//! The attacks.

use clap::ValueEnum;

use super::http::request;
use crate::tokens::Tokens;

/// An attack of one user. The variants are in the order in which they run: those that change the tasks of the attacker come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Attack {
    /// 200 summaries at a time.
    Summaries,
    /// 200 searches at a time that find nothing.
    Searches,
    /// 200 lists of 20 at a time, in an order without an index.
    SortedPages,
    /// 200 lists of all tasks at a time, in an order without an index.
    SortedLists,
    /// 200 lists of tags at a time.
    Tags,
    /// 200 lists of 20 at a time, with the number of all tasks.
    Counts,
    /// 200 exports at a time.
    Exports,
    /// 200 summaries at a time whose clients close the connection after 50 ms.
    HangUps,
    /// 8 lists at a time with 1 to 16,000 priorities, by a user without a task.
    Priorities,
    /// Clients that request 1,000 large tasks and read nothing.
    SlowReaders,
    /// 1,060 connections that send a request and one more byte, to a server that is started with at most 1,024 open files.
    SlowHeads,
    /// 16 requests at a time to complete all tasks.
    CompleteAll,
    /// 16 requests at a time to delete all completed tasks.
    ClearCompleted,
}

/// How the clients of an attack act.
pub(super) enum Behaviour {
    /// They send a request repeatedly.
    Repeat { clients: u32, request: String },
    /// They repeatedly send a request on a new connection, and close it before the answer.
    HangUp { clients: u32, request: String },
    /// They repeat a list with another number of priorities each time.
    Priorities { clients: u32, token: String },
    /// They send a request and read nothing.
    Unread { clients: u32, request: String },
    /// They send a request and the first byte of another one.
    HalfSent { clients: u32, request: String },
}

/// The number of clients that send heavy requests.
const MANY: u32 = 200;

/// The number of clients that send writes of all tasks.
const WRITERS: u32 = 16;

/// More connections than a server may have open that does not raise its limit of files.
const HEADS: u32 = 1060;

impl Attack {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Returns how long it lasts, in seconds.
    pub(super) fn seconds(self, usual: u64) -> u64 {
        match self {
            // The server may take 30 s to disconnect a client that reads nothing.
            Self::SlowReaders => 40,
            Self::SlowHeads => usual.max(20),
            // Longer than the ten seconds that a request may take: the statements of a request that has timed out may still be
            // running.
            Self::Summaries | Self::HangUps => usual.max(15),
            _ => usual,
        }
    }

    pub(super) fn behaviour(self, tokens: &Tokens, slow_readers: u32) -> Behaviour {
        let get = |path: &str, headers: &str| request("GET", path, &tokens.long_list, headers, "");
        let repeat = |request| Behaviour::Repeat { clients: MANY, request };
        let write = |method, path| Behaviour::Repeat {
            clients: WRITERS,
            request: request(method, path, &tokens.long_list, "", ""),
        };
        match self {
            Self::Summaries => repeat(get("/api/tasks/summary", "")),
            Self::Searches => repeat(get("/api/tasks?search=zzzz&limit=20", "")),
            Self::SortedPages => repeat(get("/api/tasks?sort=updated_at&limit=20", "")),
            Self::SortedLists => repeat(get("/api/tasks?sort=-priority,due_date", "")),
            Self::Tags => repeat(get("/api/tags", "")),
            Self::Counts => repeat(get("/api/tasks?limit=20", "Prefer: count=exact\r\n")),
            Self::Exports => repeat(get("/api/me/export", "")),
            Self::HangUps => Behaviour::HangUp { clients: MANY, request: get("/api/tasks/summary", "") },
            Self::Priorities => Behaviour::Priorities { clients: 8, token: tokens.deleter.clone() },
            Self::SlowReaders => {
                let request = request("GET", "/api/tasks?limit=1000", &tokens.large_tasks, "", "");
                Behaviour::Unread { clients: slow_readers, request }
            }
            Self::SlowHeads => {
                Behaviour::HalfSent { clients: HEADS, request: request("GET", "/health/live", "", "", "") }
            }
            Self::CompleteAll => write("POST", "/api/tasks/complete-all"),
            Self::ClearCompleted => write("DELETE", "/api/tasks?status=completed"),
        }
    }
}
