//! A running server for a test, and its clients.

pub mod agent;
mod answer;
mod difference;
pub mod door;
pub mod events;
pub mod issuer;
pub mod program;
pub mod raw;
pub mod tools;
mod user;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use api::config::{Config, ConnectionTimeouts, Variables};
use api::server::{Application, StopSignals};
use testing::{Fixture, TestDatabase};

pub use answer::Answer;
pub use difference::difference;
pub use user::{User, token};

/// The secret that signs the tests' tokens.
pub const SECRET: &str = "a secret of the tests that is longer than 32 bytes";

/// Waits until the server has promised more than 50 creates, however slow the machine is. Fails only if it never does.
pub async fn promises(promised: &Mutex<BTreeSet<i64>>) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while promised.lock().unwrap().len() <= 50 {
        assert!(Instant::now() < deadline, "only {} were promised", promised.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A server with its own database and port.
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
    /// Starts a server with these additional variables.
    pub async fn with(database: TestDatabase, variables: &[(&str, &str)]) -> Self {
        let url = database.url().to_owned();
        Self::reaching(&url, database, variables).await
    }

    /// Starts another server on the same database, with these additional variables.
    pub async fn with_settings(self, variables: &[(&str, &str)]) -> Self {
        Self::with(self.database, variables).await
    }

    /// Starts a server that is faster to end slow connections.
    pub async fn with_timeouts(database: TestDatabase, timeouts: ConnectionTimeouts) -> Self {
        let mut config = Self::config(database.url(), &[]);
        config.limits.timeouts = timeouts;
        Self::start(config, database).await
    }

    /// Starts a server that reaches its database under another address.
    pub async fn reaching(url: &str, database: TestDatabase, variables: &[(&str, &str)]) -> Self {
        Self::start(Self::config(url, variables), database).await
    }

    fn config(url: &str, variables: &[(&str, &str)]) -> Config {
        let basic = [
            ("BETTER_AUTH_SECRET", SECRET),
            ("DATABASE_MAX_CONNECTIONS", "4"),
            ("DATABASE_URL", url),
            ("PORT", "0"),
            // Many tests send more requests than the default limits allow; the limits have their own tests.
            ("RATE_LIMIT_PER_SECOND", "0"),
            ("WORKERS", "1"),
        ];
        Config::load(&basic.iter().chain(variables).copied().collect::<Variables>()).unwrap()
    }

    async fn start(config: Config, database: TestDatabase) -> Self {
        let application = Application::build(config, api::routes::configure).await.unwrap();
        let address = format!("http://{}", application.address());
        // The server ends with the test's runtime.
        tokio::spawn(application.run_until(StopSignals::Never));
        Self { address, database }
    }

    /// Returns a client that is signed in as this user.
    pub fn user(&self, id: &str) -> User {
        User::new(&self.address, Some(&token(id)))
    }

    /// Returns a client with this token.
    pub fn bearer(&self, token: &str) -> User {
        User::new(&self.address, Some(token))
    }

    /// Returns a client without a token.
    pub fn anonymous(&self) -> User {
        User::new(&self.address, None)
    }

    /// Returns a client that is signed in as this user and reaches the server at another of its addresses.
    pub fn user_at(&self, host: &str, id: &str) -> User {
        let (_, port) = self.address.rsplit_once(':').unwrap();
        User::new(&format!("http://{host}:{port}"), Some(&token(id)))
    }

    /// Returns host and port, for raw sockets.
    pub fn host_and_port(&self) -> &str {
        self.address.trim_start_matches("http://")
    }
}
