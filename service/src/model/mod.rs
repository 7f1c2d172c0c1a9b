//! Values of the domain and their limits. A value can only be made from valid input, so the rooms above need no checks. There is
//! no SQL here.

mod conditions;
mod due;
mod due_bound;
mod feed;
mod filter;
mod history;
mod precondition;
mod priority;
mod reminder;
mod schedule;
mod scheduled;
mod sort;
mod tag;
mod task;
mod text;
mod time;
mod trash;

pub use conditions::{Conditions, IdempotencyKey, InvalidKey, Written};
pub(crate) use due::DueKind;
pub use due::{Due, InvalidDue};
pub(crate) use due_bound::{DueBound, day_of, next};
pub(crate) use feed::LoggedReminder;
pub use feed::{Feed, FeedItem, FiredReminder};
pub use filter::{DueIn, Filter, InvalidSearch, InvalidZone, Search, Status, Zone};
pub use history::{ChangeKind, HistoryEntry, HistoryPage, HistoryPosition};
pub use precondition::Precondition;
pub use priority::Priority;
pub use reminder::{InvalidReminder, LeadTime, Reminder, ReminderInstant};
pub use schedule::{InvalidSchedule, OccurrencePage, RuleText, Schedule, ScheduleChanges};
pub(crate) use scheduled::{
    Outcome, ReminderTime, ScheduledEdit, Surroundings, apply, created, needs_open, reminder_times,
};
pub(crate) use sort::PositionKey;
pub use sort::{MAX_OFFSET, Position, Sort, SortBy, SortKey, Start};
pub use tag::{InvalidTag, Tag, Tags};
pub use task::{Change, Changes, NewTask, Task};
pub use text::{Description, InvalidText, Title};
pub(crate) use time::now;
pub use trash::{DeletedTask, TrashPage};
