//! What a caller may do with their tasks: one verb, one file.
//!
//! Each is one statement; only when it touches no row does a second one tell [`Error::NotOwner`](crate::Error::NotOwner)
//! from [`Error::NotFound`](crate::Error::NotFound).

mod complete;
mod create;
mod delete;
mod get;
mod list;
mod owned;
mod task;
mod text;
mod update;

pub use complete::{set_completed, toggle_completed};
pub use create::create;
pub use delete::delete;
pub use get::get;
pub use list::list;
pub(crate) use owned::owned_by;
pub use task::{Change, Changes, NewTask, Status, Task};
pub use text::{Description, InvalidText, Title};
pub use update::update;
