//! Builds the App and its server; the same for the program and for the tests.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use service::Db;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{cors, observe};
use crate::auth::Verifier;
use crate::config::Config;
use crate::routes;
use crate::server::limits::{FORGET_EVERY, RateLimit, RateLimits};
use crate::server::metrics::{self, Metrics};
use crate::server::readiness::Readiness;

/// How long the head of a connection's first request may take to arrive; for those after it the proxy in front must see to that.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request; longer than the proxies in front of us keep one, so that they close it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// A server that is bound to its address and ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    databases: Vec<Db>,
    limits: web::Data<RateLimits>,
    readiness: web::Data<Readiness>,
    metrics: Option<Server>,
    stop_delay: Duration,
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
    /// The metrics cannot be set up.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[source] prometheus::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port} (HOST and PORT, or METRICS_ADDRESS): {source}")]
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

        let workers = config.workers.unwrap_or_else(|| available_parallelism().unwrap_or(NonZero::<usize>::MIN));
        let databases = db.split(workers).await.map_err(failed("opened"))?;
        let metrics = match config.metrics_address {
            None => None,
            Some(address) => {
                let metrics = Metrics::new().map_err(StartError::Metrics)?;
                let server = metrics::serve(metrics.clone(), databases.clone(), address);
                let unbound = |source| StartError::Bind { host: address.ip(), port: address.port(), source };
                Some((metrics, server.map_err(unbound)?))
            }
        };
        let (metrics, metrics_server) = metrics.unzip();
        let verifier = Verifier::new(&config.auth, metrics.clone()).map_err(StartError::KeyServer)?;
        let verifier = web::Data::new(verifier);
        let limits = web::Data::new(RateLimits {
            users: RateLimit::new(config.rate_limit_per_second),
            addresses: RateLimit::new(config.rate_limit_per_address_per_second),
        });
        let readiness = web::Data::new(Readiness::default());
        let (app_limits, app_readiness) = (limits.clone(), readiness.clone());
        let metrics = metrics.map(web::Data::new);
        let trust_forwarded_for = web::Data::new(config.trust_forwarded_for);
        let delete_returns_task = web::Data::new(config.delete_returns_task);
        let origins = config.cors_allowed_origins;
        let worker_databases: Vec<_> = databases.iter().cloned().map(web::Data::new).collect();
        let started = Arc::new(AtomicUsize::new(0));
        let server = HttpServer::new(move || {
            // Called once in each worker's thread, and again where a worker is replaced: that one then shares a part.
            let worker = started.fetch_add(1, Ordering::Relaxed) % worker_databases.len();
            App::new()
                .app_data(worker_databases[worker].clone())
                .app_data(verifier.clone())
                .app_data(app_limits.clone())
                .app_data(app_readiness.clone())
                .app_data(trust_forwarded_for.clone())
                .app_data(delete_returns_task.clone())
                .configure(|app| {
                    if let Some(metrics) = &metrics {
                        app.app_data(metrics.clone());
                    }
                    routes::configure(app);
                })
                // The last one wrapped is the first to see a request.
                .wrap(cors::cors(&origins))
                .wrap(from_fn(observe::observe))
        })
        .disable_signals()
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(IDLE_TIMEOUT)
        .shutdown_timeout(config.shutdown_timeout_seconds)
        .workers(workers.get());
        let (host, port) = (config.host, config.port);
        let unbound = |source| StartError::Bind { host, port, source };
        let server = server.bind((host, port)).map_err(unbound)?;
        let address = server.addrs().first().copied().unwrap_or_else(|| SocketAddr::new(host, port));
        let stop_delay = Duration::from_secs(config.shutdown_delay_seconds.into());
        Ok(Self { server: server.run(), address, databases, limits, readiness, metrics: metrics_server, stop_delay })
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
        let Self { server, databases, limits, readiness, metrics, stop_delay, .. } = self;
        let metrics_handle = metrics.as_ref().map(Server::handle);
        // Its failures are its own: nobody's request depends on it.
        let measuring = async move {
            if let Some(metrics) = metrics {
                let _ = metrics.await;
            }
            std::future::pending::<()>().await;
        };
        let handle = server.handle();
        let stopping = async {
            signals.next().await;
            log::info!("stopping: requests under way are finished");
            readiness.turn_off();
            let finishing = async {
                tokio::time::sleep(stop_delay).await;
                handle.stop(true).await;
                // The server then ends by itself, see below.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = finishing => {}
                () = signals.next() => log::warn!("stopping at once"),
            }
        };
        let forgetting = async {
            loop {
                tokio::time::sleep(FORGET_EVERY).await;
                limits.forget_idle();
            }
        };
        tokio::select! {
            result = server => result?,
            () = stopping => return Ok(()),
            () = forgetting => {}
            () = measuring => {}
        }
        if let Some(metrics) = metrics_handle {
            metrics.stop(false).await;
        }
        for db in databases {
            if let Err(error) = db.close().await {
                log::warn!("the database did not close cleanly: {}", root_cause(&error));
            }
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

    /// Waits for the next one.
    pub async fn next(&mut self) {
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
