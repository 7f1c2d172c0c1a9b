//! A database of its own for every test, on SQLite and on a real PostgreSQL, from one test source.
//!
//! [`on_both_databases!`] turns one test into two. PostgreSQL is the server that `TEST_DATABASE_URL` names, or a private
//! cluster that is started once per test run from the programs found on this machine (see the module `cluster`). Where there is
//! neither, the PostgreSQL half says loudly that it did not run; with `CI=true` it fails.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test support: a broken environment must stop the test"
)]

mod cluster;
mod database;
mod own_cluster;
mod postgres;

pub use database::{Backend, TestDatabase, connect};
pub use migration::{Migrator, MigratorTrait};
pub use own_cluster::OwnCluster;
/// For statements of a test's own, on [`TestDatabase::connect`].
pub use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

/// What a test of [`on_both_databases!`] is given: built once per database.
pub trait Fixture: Sized {
    /// Builds it on a fresh, migrated database.
    fn on(database: TestDatabase) -> impl Future<Output = Self>;
}

impl Fixture for TestDatabase {
    async fn on(database: TestDatabase) -> Self {
        database
    }
}

/// Runs each test once on SQLite and once on PostgreSQL, as `name::on_sqlite` and `name::on_postgres`.
///
/// The argument's type implements [`Fixture`]; each run gets a database that nothing else uses.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[doc = $doc:literal])* async fn $name:ident($argument:ident: $fixture:ty) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[doc = $doc])*
            async fn check($argument: $fixture) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let database = $crate::TestDatabase::migrated($crate::Backend::Sqlite).await.expect("SQLite is built in");
                check(<$fixture as $crate::Fixture>::on(database).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(database) = $crate::TestDatabase::migrated($crate::Backend::Postgres).await {
                    check(<$fixture as $crate::Fixture>::on(database).await).await;
                }
            }
        }
    )*};
}
