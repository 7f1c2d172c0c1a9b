//! A running server for a test, and users who talk to it.

mod answer;
pub mod program;
pub mod raw;
pub mod tools;
mod user;

use api::config::{Config, Variables};
use api::server::{Application, StopSignals};
use testing::{Fixture, TestDatabase};

pub use answer::Answer;
pub use user::{User, token};

/// The secret that the tests' tokens are signed with.
pub const SECRET: &str = "a secret of the tests that is longer than 32 bytes";

/// A server on a database of its own and a port of its own.
pub struct TestApp {
    address: String,
    pub database: TestDatabase,
}

impl Fixture for TestApp {
    async fn on(database: TestDatabase) -> Self {
        Self::with(database, &[]).await
    }
}

impl TestApp {
    /// A server with these variables set besides.
    pub async fn with(database: TestDatabase, variables: &[(&str, &str)]) -> Self {
        let url = database.url().to_owned();
        Self::reaching(&url, database, variables).await
    }

    /// This server's successor on the same database, with these variables set besides.
    pub async fn with_settings(self, variables: &[(&str, &str)]) -> Self {
        Self::with(self.database, variables).await
    }

    /// A server that reaches its database under another address.
    pub async fn reaching(url: &str, database: TestDatabase, variables: &[(&str, &str)]) -> Self {
        let basic = [
            ("BETTER_AUTH_SECRET", SECRET),
            ("DATABASE_MAX_CONNECTIONS", "4"),
            ("DATABASE_URL", url),
            ("PORT", "0"),
            // Storms are meant here; the limits have their own tests.
            ("RATE_LIMIT_PER_SECOND", "0"),
            ("WORKERS", "1"),
        ];
        let config = Config::load(&basic.iter().chain(variables).copied().collect::<Variables>()).unwrap();
        let application = Application::build(config, api::routes::configure).await.unwrap();
        let address = format!("http://{}", application.address());
        // It ends with the test's runtime.
        tokio::spawn(application.run_until(StopSignals::Never));
        Self { address, database }
    }

    /// Somebody signed in under this name.
    pub fn user(&self, id: &str) -> User {
        User::new(&self.address, Some(&token(id)))
    }

    /// Somebody with this token.
    pub fn bearer(&self, token: &str) -> User {
        User::new(&self.address, Some(token))
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> User {
        User::new(&self.address, None)
    }

    /// Host and port, for raw sockets.
    pub fn host_and_port(&self) -> &str {
        self.address.trim_start_matches("http://")
    }
}
