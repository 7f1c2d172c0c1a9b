//! A database of its own for every test, on SQLite and on a real PostgreSQL, from one test source.
//!
//! [`macro@on_both_databases`] makes two tests of one. PostgreSQL is the server that `TEST_DATABASE_URL` names, or a private
//! cluster that is started once per test run from the programs on this machine (see the module `shared_cluster`). If there is
//! neither, the tests on PostgreSQL report on standard error that they did not run; with `CI=true` they fail.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "test support: a broken environment must stop the test"
)]

mod connection;
mod database;
mod not_run;
mod own_cluster;
mod postgres;
mod programs;
mod seed;
mod shared_cluster;

pub use connection::connect;
pub use database::{Backend, TestDatabase};
pub use migration::{Migrator, MigratorTrait};
pub use own_cluster::OwnCluster;
/// For a test's own statements, on [`TestDatabase::connect`].
pub use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait};
pub use seed::{analyze, seed};
pub use testing_macros::on_both_databases;

/// The argument of a test with [`macro@on_both_databases`]: built once per database.
pub trait Fixture: Sized {
    /// Builds it on a fresh, migrated database.
    fn on(database: TestDatabase) -> impl Future<Output = Self>;
}

impl Fixture for TestDatabase {
    async fn on(database: TestDatabase) -> Self {
        database
    }
}
