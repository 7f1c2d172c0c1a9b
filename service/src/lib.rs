//! Everything that a signed-in user may do with tasks. This crate knows no HTTP, no tokens and no JSON bodies.
//!
//! A task is read and changed only by its owner. Every function of [`tasks`] requires a [`Caller`], and every statement that it
//! sends names that caller. Only code that has authenticated a user makes a [`Caller`].
//!
//! ```
//! use service::tasks::{self, ListQuery, NewTask, Start, Title};
//! use service::{Caller, DbConfig, Store, UserId};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open(&DbConfig::new("sqlite::memory:"), |_| {}).await?;
//! store.db().migrate().await?;
//! let alice = Caller::authenticated(UserId::parse("alice")?);
//!
//! let task = tasks::create(&store, &alice, NewTask::new(Title::parse("Buy milk")?), None).await?.value;
//! assert_eq!(tasks::list(&store, &alice, &ListQuery::default(), 20, Start::Beginning).await?.tasks, [task.clone()]);
//!
//! let bob = Caller::authenticated(UserId::parse("bob")?);
//! assert!(matches!(tasks::get(&store, &bob, task.id).await, Err(service::Error::NotOwner)));
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod admission;
mod batch;
mod caller;
mod db;
mod error;
mod firing;
mod listeners;
pub mod live;
pub mod me;
mod model;
pub mod recurrence;
pub mod reminders;
mod store;
pub mod tasks;

pub use caller::{Actor, Caller, InvalidUserId, UserId};
pub use db::{Db, DbConfig, Health, PoolUse, Probe, Schema};
pub use error::{Cause, Error, Stale};
pub use firing::Firing;
pub use migration::{DEFAULT_DATABASE_URL, EnvFile, SchemaChange, SchemaOutcome, Tls, create_private_folder};
pub use store::{Pauses, Store, Swept};
