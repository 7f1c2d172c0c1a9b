//! What a caller may do with their tasks: one verb, one file.
//!
//! Each is one statement; only when it touches no row does a second one tell [`Error::NotOwner`](crate::Error::NotOwner)
//! from [`Error::NotFound`](crate::Error::NotFound).

mod batch;
mod complete;
mod create;
/// Where a list has got to, as a text for clients.
pub mod cursor;
mod delete;
mod due;
mod filter;
mod get;
mod list;
mod owned;
mod priority;
mod row;
mod sort;
mod summary;
mod tag;
mod task;
mod text;
mod update;

#[cfg(test)]
pub(crate) use batch::Get;
pub(crate) use batch::Queues;
pub use complete::{complete_all, set_completed, toggle_completed};
pub use create::create;
pub use delete::{delete, delete_completed};
pub use due::{Due, InvalidDue};
pub use filter::{DueIn, Filter, InvalidSearch, InvalidZone, Search, Status, Zone};
pub use get::get;
pub use list::{ListQuery, Page, count, list};
pub(crate) use owned::owned_by;
pub use priority::Priority;
pub use sort::{Position, Sort, SortBy, SortKey};
pub use summary::{Summary, TagCount, summary, tags};
pub use tag::{InvalidTag, Tag, Tags};
pub use task::{Change, Changes, NewTask, Task};
pub use text::{Description, InvalidText, Title};
pub use update::update;
