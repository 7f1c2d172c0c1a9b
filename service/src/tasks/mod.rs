//! Operations on the tasks of a caller: one verb, one file.
//!
//! Each is one statement, but for the writes to all tasks of a caller, which go in steps, and for the writes to tasks that have a
//! schedule, which are a transaction. Only if a statement found no task do others find out whether it has a schedule, and tell [`Error::NotOwner`](crate::Error::NotOwner) from [`Error::NotFound`](crate::Error::NotFound).

mod changes;
mod complete;
mod create;
mod delete;
mod get;
mod history;
mod list;
mod merge;
mod occurrences;
mod restore;
mod snooze;
mod summary;
mod trash;
mod update;

pub use changes::changes;
pub(crate) use changes::newest_changes;
pub use complete::{complete_all, set_completed, toggle_completed};
pub use create::create;
pub use delete::{delete, delete_completed, delete_series};
pub use get::get;
pub use history::history;
pub use list::{ListQuery, Page, WholeList, count, cursor, list, state};
pub use merge::{Merged, merge};
pub use occurrences::occurrences;
pub use restore::restore;
pub use snooze::snooze;
pub use summary::{Summary, TagCount, summary, tags};
pub use trash::{WholeTrash, trash, wipe_trash};
pub use update::update;

pub use crate::model::{
    Change, ChangeKind, Changes, Conditions, DeletedTask, Description, Due, DueIn, Feed, FeedItem, Filter,
    HistoryEntry, HistoryPage, HistoryPosition, IdempotencyKey, InvalidDue, InvalidKey, InvalidReminder,
    InvalidSchedule, InvalidSearch, InvalidTag, InvalidText, InvalidZone, LeadTime, MAX_OFFSET, NewTask,
    OccurrencePage, Position, Precondition, Priority, Reminder, ReminderInstant, RuleText, Schedule, ScheduleChanges,
    Search, Sort, SortBy, SortKey, Start, Status, Tag, Tags, Task, Title, TrashPage, Written, Zone,
};
