//! Everything that a signed-in user may do with tasks, and nothing of how they ask for it: no HTTP, no tokens, no JSON.
//!
//! The promise: a task is only ever read or changed by its owner. Every function of [`tasks`] takes a [`Caller`], every
//! statement that it sends names that caller, and a [`Caller`] is only made by who has checked who is asking.
//!
//! ```
//! use service::tasks::{self, ListQuery, NewTask, Title};
//! use service::{Caller, Db, DbConfig, UserId};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Db::open(&DbConfig::new("sqlite::memory:"), |_| {}).await?;
//! db.migrate().await?;
//! let alice = Caller::authenticated(UserId::parse("alice")?);
//!
//! let task = tasks::create(&db, &alice, NewTask::new(Title::parse("Buy milk")?)).await?;
//! assert_eq!(tasks::list(&db, &alice, &ListQuery::default(), 20, None).await?.tasks, [task.clone()]);
//!
//! let bob = Caller::authenticated(UserId::parse("bob")?);
//! assert!(matches!(tasks::get(&db, &bob, task.id).await, Err(service::Error::NotOwner)));
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod caller;
mod db;
mod error;
pub mod me;
pub mod tasks;

pub use caller::{Caller, InvalidUserId, UserId};
pub use db::{Db, DbConfig, PoolUse};
pub use error::Error;
pub use migration::{DEFAULT_DATABASE_URL, Tls};
