use std::time::Duration;

use migration::Tls;

/// The settings of the database connection.
#[derive(Clone, Debug)]
pub struct DbConfig<'a> {
    /// `sqlite:…`, `postgres://…` or `postgresql://…`. It can contain a password.
    pub url: &'a str,
    /// The address for migrations: the database without a connection pooler in between.
    pub direct_url: Option<&'a str>,
    /// The maximum number of connections. On PostgreSQL one of them is the probe's.
    pub max_connections: u32,
    /// The requirement on connections to another machine.
    pub tls: Tls,
    /// The time to wait for a database that is down at start.
    pub startup_wait: Duration,
}

impl<'a> DbConfig<'a> {
    /// This address with the defaults of the other settings.
    #[must_use]
    pub fn new(url: &'a str) -> Self {
        Self { url, direct_url: None, max_connections: 16, tls: Tls::default(), startup_wait: Duration::ZERO }
    }
}
