//! The operations on tasks: one verb, one file, the names of [`service::tasks`].

mod complete;
mod create;
mod delete;
mod get;
mod list;
mod summary;
mod update;

pub use complete::*;
pub use create::*;
pub use delete::*;
pub use get::*;
pub use list::*;
pub use summary::*;
pub use update::*;
