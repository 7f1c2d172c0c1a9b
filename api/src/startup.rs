//! Builds the App and its server; the same for the program and for the tests.

use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use service::Db;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::auth::Verifier;
use crate::config::Config;
use crate::rate_limit::{FORGET_EVERY, RateLimit};
use crate::{cors, observe, routes};

/// A server that is bound to its address and ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    db: Db,
    rate_limit: web::Data<RateLimit>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened or migrated.
    #[error("the database cannot be {action}: {cause}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// What the database says.
        cause: String,
    },
    /// The client for the key server cannot be set up.
    #[error("the client for the key server (BETTER_AUTH_URL) cannot be set up: {}", root_cause(.0))]
    KeyServer(#[source] reqwest::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port} (HOST, PORT): {source}")]
    Bind {
        /// The configured host.
        host: std::net::IpAddr,
        /// The configured port.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Application {
    /// Opens the database, brings its schema up to date unless told not to, and binds the address.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let failed = |action| move |error: service::Error| StartError::Database { action, cause: root_cause(&error) };
        let notice = |text: &str| log::warn!("{text}");
        let db = Db::open(&config.database(), notice).await.map_err(failed("opened"))?;
        if config.migrate_on_start {
            db.migrate().await.map_err(failed("migrated"))?;
        }

        let shared_db = web::Data::new(db.clone());
        let verifier = web::Data::new(Verifier::new(&config.auth).map_err(StartError::KeyServer)?);
        let rate_limit = web::Data::new(RateLimit::new(config.rate_limit_per_second));
        let for_apps = rate_limit.clone();
        let delete_returns_task = web::Data::new(config.delete_returns_task);
        let origins = config.cors_allowed_origins;
        let mut server = HttpServer::new(move || {
            App::new()
                .app_data(shared_db.clone())
                .app_data(verifier.clone())
                .app_data(for_apps.clone())
                .app_data(delete_returns_task.clone())
                .configure(routes::configure)
                // The last one wrapped is the first to see a request.
                .wrap(cors::cors(&origins))
                .wrap(from_fn(cors::silent_to_others))
                .wrap(from_fn(observe::observe))
        })
        .disable_signals()
        .shutdown_timeout(config.shutdown_timeout_seconds);
        if let Some(workers) = config.workers {
            server = server.workers(workers.get());
        }
        let (host, port) = (config.host, config.port);
        let unbound = |source| StartError::Bind { host, port, source };
        let server = server.bind((host, port)).map_err(unbound)?;
        let address = server.addrs().first().copied().unwrap_or_else(|| SocketAddr::new(host, port));
        Ok(Self { server: server.run(), address, db, rate_limit })
    }

    /// Where it listens; with port 0 configured, the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `signals` has one, then takes no new connection, finishes the requests under way, and closes the
    /// database. At the next one it no longer waits for the requests.
    ///
    /// # Errors
    /// When the server's threads fail.
    pub async fn run_until(self, mut signals: StopSignals) -> std::io::Result<()> {
        let Self { server, db, rate_limit, .. } = self;
        let handle = server.handle();
        let stopping = async {
            signals.next().await;
            log::info!("stopping: requests under way are finished");
            tokio::join!(handle.stop(true), async {
                signals.next().await;
                log::warn!("stopping at once");
                handle.stop(false).await;
            });
        };
        let forgetting = async {
            loop {
                tokio::time::sleep(FORGET_EVERY).await;
                rate_limit.forget_idle();
            }
        };
        tokio::select! {
            result = server => result?,
            () = stopping => {}
            () = forgetting => {}
        }
        if let Err(error) = db.close().await {
            log::warn!("the database did not close cleanly: {}", root_cause(&error));
        }
        Ok(())
    }
}

/// SIGTERM and Ctrl-C.
pub enum StopSignals {
    /// Those of this process.
    OfProcess {
        /// SIGTERM
        terminate: Signal,
        /// Ctrl-C
        interrupt: Signal,
    },
    /// None ever, for tests.
    Never,
}

impl StopSignals {
    /// Listens for them from now on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self::OfProcess { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        match self {
            Self::OfProcess { terminate, interrupt } => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            Self::Never => std::future::pending().await,
        }
    }
}

/// The innermost cause, which says what happened; those around it say where.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
