//! The operations on tasks. Each file is one operation, with the name of its function in [`service::tasks`].

mod changes;
mod complete;
mod complete_all;
mod create;
mod delete;
mod delete_completed;
mod events;
mod get;
mod history;
mod list;
mod occurrences;
mod patch;
mod preview_recurrence;
mod restore;
mod summarize;
mod tags;
mod trash;
mod update;

pub use changes::*;
pub use complete::*;
pub use complete_all::*;
pub use create::*;
pub use delete::*;
pub use delete_completed::*;
pub use events::*;
pub use get::*;
pub use history::*;
pub use list::*;
pub use occurrences::*;
pub use patch::*;
pub use preview_recurrence::*;
pub use restore::*;
pub use summarize::*;
pub use tags::*;
pub use trash::*;
pub use update::*;
