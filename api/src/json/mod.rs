//! What front ends send and see: bodies, query parameters, and the schemas that describe them.
//!
//! A type that is read is an [`Input`](crate::extract::Input). It converts itself into the types of `service`, which check its
//! values. A type that is written is made from them.

mod arguments;
mod changes;
mod counts;
mod edits;
mod events;
mod export;
mod history;
mod invalid;
mod list_query;
mod occurrences;
mod recurrence;
mod schedule;
mod schemas;
mod snooze;
mod summary;
mod task;
mod time;
mod trash;
mod whole_number;

use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

pub(crate) use arguments::{CompleteArguments, ListArguments, OneTask, OneVersion};
pub(crate) use changes::change_feed;
pub use changes::{ChangeFeed, ChangesRequest, ListChanges, TaskChange};
pub use counts::Count;
pub use edits::{Completed, CreateTask, DeleteTask, DeleteTasks, UpdateTask};
pub use events::Listen;
pub(crate) use events::{BEAT, encode, end, reason, state};
pub use export::Export;
pub use history::{HistoryEntry, HistoryRequest, ListHistory};
pub(crate) use list_query::SortItem;
pub use list_query::{InZone, ListRequest, ListTasks};
pub use occurrences::{ListOccurrences, OccurrencesRequest};
pub use recurrence::{CheckedPreview, ClockChange, PreviewRecurrence, PreviewedOccurrence, RecurrencePreview};
pub use schedule::{Missed, RecurrenceFrom};
pub(crate) use schedule::{demand_rule, ignore_incomplete};
pub use snooze::{Snooze, SnoozedReminder};
pub use summary::{ByPriority, Summary, TagCount};
pub use task::{Priority, Task};
pub(crate) use task::{array, elements};
pub use trash::{DeletedTask, ListTrash, TrashRequest};
pub(crate) use trash::{deleted_array, deleted_elements};

/// The Content-Type of JSON, built once.
pub(crate) const JSON: (HeaderName, HeaderValue) = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
