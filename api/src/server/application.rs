use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::App;
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use service::live::Encode;
use service::{Probe, Store};

use super::answer_memory::AnswerMemory;
use super::connections::{self, ConnectionCount};
use super::limits::{FORGET_EVERY, RateLimits};
use super::metrics::{self, Metrics};
use super::readiness::Readiness;
use super::{State, StopSignals, cors, history, live, observe};
use crate::auth::Verifier;
use crate::config::{AuthConfig, Config, DatabaseConfig, LimitsConfig, McpEndpoint, ServerConfig};
use crate::json;

/// A server that is bound to its address and ready to run. The same for the program and for its tests.
pub struct Application {
    server: Server,
    address: SocketAddr,
    stores: Vec<Store>,
    limits: Arc<RateLimits>,
    readiness: Arc<Readiness>,
    probe: Option<Probe>,
    metrics_server: Option<Server>,
    verifier: Arc<Verifier>,
    stop_delay: Duration,
}

/// The endpoints beside those of the API, some of which can be turned off.
#[derive(Clone, Debug)]
pub struct Extras {
    /// Whether there is a documentation.
    pub docs: bool,
    /// The endpoint of agents, if its public address is known.
    pub mcp: Option<Arc<McpEndpoint>>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened or migrated.
    #[error("the database cannot be {action}: {cause}")]
    Database {
        /// "opened" or "migrated".
        action: &'static str,
        /// The innermost cause.
        cause: String,
    },
    /// The client for the key server cannot be set up.
    #[error("the client for the key server (BETTER_AUTH_URL) cannot be set up: {}", root_cause(.0))]
    KeyServer(#[source] reqwest::Error),
    /// The metrics cannot be set up.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[source] prometheus::Error),
    /// The server cannot listen on the address.
    #[error("cannot listen on {host}:{port} (HOST and PORT, or METRICS_ADDRESS): {source}")]
    Bind {
        /// The configured host.
        host: IpAddr,
        /// The configured port.
        port: u16,
        /// The error of the system.
        source: std::io::Error,
    },
}

impl Application {
    /// Opens the database, applies pending migrations unless that is turned off, and binds the address. `routes` registers the
    /// routes in each worker's App.
    pub async fn build(config: Config, routes: fn(&mut ServiceConfig, &Extras)) -> Result<Self, StartError> {
        let workers = config.server.workers.unwrap_or_else(|| available_parallelism().unwrap_or(NonZero::<usize>::MIN));
        let stores = open_stores(&config.database, &config.limits, workers).await?;
        let (metrics, metrics_server) = start_metrics(&config.server, &stores)?.unzip();
        let (host, port) = (config.server.host, config.server.port);
        let unbound = |source| StartError::Bind { host, port, source };
        let timeouts = config.limits.timeouts;
        let listener = connections::listen(SocketAddr::new(host, port), &timeouts).map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let mcp = mcp_endpoint(&config, address);
        let resource = mcp.as_ref().map(|mcp| mcp.resource.as_str());
        let verifier = Arc::new(verifier(&config.auth, resource, metrics.clone())?);
        let limits = Arc::new(RateLimits::new(&config.limits, config.mcp.deletes_per_hour));
        let answer_memory = Arc::new(AnswerMemory::default());
        let readiness = Arc::new(Readiness::new(Duration::from_secs(config.server.ready_after_seconds.into())));
        let mut probe = stores.first().map(|store| store.db().probe());
        if let Some(probe) = &mut probe {
            // Before the first request, which may be one for the readiness.
            readiness.probe_once(probe).await;
        }
        let task_aliases = config.server.task_aliases;
        let encode: Encode = Arc::new(move |changes| json::encode(changes, task_aliases));
        let states = stores.iter().map(|store| {
            Data::new(State {
                store: store.clone(),
                delete_returns_task: config.server.delete_returns_task,
                task_aliases,
                readiness: Arc::clone(&readiness),
                answer_memory: Arc::clone(&answer_memory),
                encode: Arc::clone(&encode),
                verifier: Arc::clone(&verifier),
                limits: Arc::clone(&limits),
                metrics: metrics.clone(),
            })
        });
        let states: Vec<_> = states.collect();
        let origins = config.cors.allowed_origins;
        let started = Arc::new(AtomicUsize::new(0));
        let extras = Extras { docs: config.server.docs, mcp };
        let app = move || {
            // A worker that replaces another one shares a state.
            let worker = started.fetch_add(1, Ordering::Relaxed) % states.len();
            live::start(&states[worker]);
            App::new()
                .app_data(states[worker].clone())
                // For the bodies, which are read without knowing the state.
                .app_data(task_aliases)
                .configure(|app| routes(app, &extras))
                // The layer that is added last sees a request first.
                .wrap(cors::cors(&origins))
                .wrap(from_fn(observe::observe))
        };
        let settings = connections::Settings {
            workers,
            shutdown_timeout: config.server.shutdown_timeout_seconds,
            timeouts,
            count: ConnectionCount::new(config.limits.connections()),
        };
        let server = connections::serve(listener, settings, app).map_err(unbound)?;
        let stop_delay = Duration::from_secs(config.server.shutdown_delay_seconds.into());
        Ok(Self { server, address, stores, limits, readiness, probe, metrics_server, verifier, stop_delay })
    }

    /// Returns the address that the server listens on. With port 0 configured, its port is the one that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the first signal. Then accepts no new connection, finishes the requests in flight, and closes the database.
    /// A second signal stops the server without finishing the requests.
    ///
    /// # Errors
    /// If the server's threads fail.
    pub async fn run_until(self, mut signals: StopSignals) -> std::io::Result<()> {
        let Self { server, stores, limits, readiness, mut probe, metrics_server, verifier, stop_delay, .. } = self;
        let metrics_handle = metrics_server.as_ref().map(Server::handle);
        // A failure of the metrics server is ignored, because no request depends on it.
        let serving_metrics = async move {
            if let Some(metrics_server) = metrics_server {
                let _ = metrics_server.await;
            }
            std::future::pending::<()>().await;
        };
        let handle = server.handle();
        let stopping = async {
            signals.next().await;
            log::info!("stopping: finishing the requests in flight");
            readiness.turn_off();
            // The other servers fire the reminders, or this one after its next start.
            if let Some(store) = stores.first() {
                store.firing().stop();
            }
            let finishing = async {
                tokio::time::sleep(stop_delay).await;
                // The server would wait for the streams.
                if let Some(store) = stores.first() {
                    store.listeners().stop();
                }
                handle.stop(true).await;
                // The server's own future ends then, see the `select!` below.
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
        let sweeping = async {
            if let Some(store) = stores.first() {
                history::keep_sweeping(store).await;
            }
            std::future::pending::<()>().await;
        };
        let probing = async {
            match &mut probe {
                Some(probe) => readiness.keep_probing(probe).await,
                None => std::future::pending().await,
            }
        };
        let trying_keys = async {
            verifier.try_keys().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = server => result?,
            () = trying_keys => {}
            () = stopping => return Ok(()),
            () = forgetting => {}
            () = probing => {}
            () = sweeping => {}
            () = serving_metrics => {}
        }
        if let Some(metrics) = metrics_handle {
            metrics.stop(false).await;
        }
        if let Some(probe) = probe {
            probe.close().await;
        }
        for store in stores {
            if let Err(error) = store.close().await {
                log::warn!("the database did not close cleanly: {}", root_cause(&error));
            }
        }
        Ok(())
    }
}

/// Opens the database, applies pending migrations unless that is turned off, and gives each worker a handle of its own.
async fn open_stores(
    config: &DatabaseConfig,
    limits: &LimitsConfig,
    workers: NonZero<usize>,
) -> Result<Vec<Store>, StartError> {
    let failed = |action| move |error: service::Error| StartError::Database { action, cause: root_cause(&error) };
    let notice = |text: &str| log::warn!("{text}");
    let store = Store::open(&config.connection(), notice).await.map_err(failed("opened"))?;
    if config.migrate_on_start {
        store.db().migrate().await.map_err(failed("migrated"))?;
    }
    let store = store.with_max_tasks(limits.tasks_per_user).with_history_days(limits.history_days);
    let store = store.with_max_listeners(limits.listeners);
    store.split(workers, notice).await.map_err(failed("opened"))
}

/// Starts the metrics server, if an address is configured for it.
fn start_metrics(config: &ServerConfig, stores: &[Store]) -> Result<Option<(Metrics, Server)>, StartError> {
    let Some(address) = config.metrics_address else { return Ok(None) };
    let metrics = Metrics::new().map_err(StartError::Metrics)?;
    let unbound = |source| StartError::Bind { host: address.ip(), port: address.port(), source };
    let server = metrics::serve(metrics.clone(), stores.to_vec(), address).map_err(unbound)?;
    Ok(Some((metrics, server)))
}

/// Returns the endpoint of agents. Logs why there is none.
fn mcp_endpoint(config: &Config, address: SocketAddr) -> Option<Arc<McpEndpoint>> {
    let endpoint = config.mcp_endpoint(address);
    if endpoint.is_none() {
        log::info!(
            "there is no /mcp for agents: MCP_RESOURCE, its public address, is not set, and {address} is not a loopback address"
        );
    }
    endpoint.map(Arc::new)
}

/// Builds the verifier. It counts the fetches of its keys, if there are metrics.
fn verifier(config: &AuthConfig, resource: Option<&str>, metrics: Option<Metrics>) -> Result<Verifier, StartError> {
    let on_key_fetch = move |succeeded| {
        if let Some(metrics) = &metrics {
            metrics.key_fetch(succeeded);
        }
    };
    Verifier::new(config, resource, Box::new(on_key_fetch)).map_err(StartError::KeyServer)
}

/// Returns the innermost cause of an error. The outer ones only name the step that failed.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
