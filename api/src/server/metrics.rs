use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use service::Store;
use service::live::End;

use crate::error::Code;
use crate::json;
use crate::tool::Tool;

/// The metrics, in Prometheus' text format. Labels are route templates, methods, statuses and codes of errors. They never contain
/// text of a client, and their number is bounded.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    /// One counter for each code of an error, in the order of [`Code::ALL`].
    errors: Vec<IntCounter>,
    pool: IntGaugeVec,
    pool_max: IntGauge,
    key_fetches: IntCounterVec,
    statements: IntCounter,
    streams: IntGauge,
    ended_streams: IntCounterVec,
    reminders: IntCounter,
    late_reminders: IntCounter,
    tool_calls: IntCounterVec,
}

/// How a call of a tool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolOutcome {
    /// The tool did what it was asked.
    Success,
    /// The call was refused, with a sentence for the model.
    Refused,
    /// The server or its database failed.
    Failed,
}

impl ToolOutcome {
    const ALL: [Self; 3] = [Self::Success, Self::Refused, Self::Failed];

    /// Returns the name in metrics and in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// In seconds: half a millisecond to ten seconds.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl Metrics {
    /// Registers all metrics. Counters begin with zero, because `rate()` does not see the step from no value to one. Only the
    /// series of requests begin with the first request of their route and status.
    ///
    /// # Errors
    /// If two metrics have the same name.
    pub(super) fn new() -> prometheus::Result<Self> {
        let duration = HistogramOpts::new("http_request_duration_seconds", "How long requests took, by route template");
        let errors = IntCounterVec::new(
            Opts::new("http_errors_total", "Answers with status 4xx or 5xx, by the code of the error"),
            &["code"],
        )?;
        let metrics = Self {
            registry: Registry::new(),
            requests: HistogramVec::new(duration.buckets(BUCKETS.to_vec()), &["method", "route", "status"])?,
            errors: Code::ALL.iter().map(|code| errors.with_label_values(&[code.as_str()])).collect(),
            pool: IntGaugeVec::new(Opts::new("database_connections", "Open connections of the pool"), &["state"])?,
            pool_max: IntGauge::new("database_connections_max", "How many connections the pool may open")?,
            key_fetches: IntCounterVec::new(
                Opts::new("key_fetches_total", "Fetches from the key server, by outcome"),
                &["outcome"],
            )?,
            statements: IntCounter::new(
                "database_statements_total",
                "Statements sent to the database: fewer than requests if requests were batched",
            )?,
            streams: IntGauge::new("event_streams", "Open streams of events")?,
            ended_streams: IntCounterVec::new(
                Opts::new("event_streams_ended_total", "Streams of events that the server has ended, by reason"),
                &["reason"],
            )?,
            reminders: IntCounter::new("reminders_fired_total", "Reminders that this server has fired")?,
            late_reminders: IntCounter::new("reminders_late_total", "Those of them that fired more than 10 s late")?,
            tool_calls: IntCounterVec::new(
                Opts::new("mcp_tool_calls_total", "Calls of tools by agents, by tool and outcome"),
                &["tool", "outcome"],
            )?,
        };
        for tool in Tool::ALL {
            for outcome in ToolOutcome::ALL {
                metrics.tool_calls.with_label_values(&[tool.name(), outcome.name()]);
            }
        }
        for succeeded in [true, false] {
            metrics.key_fetches.with_label_values(&[outcome(succeeded)]);
        }
        for reason in End::ALL {
            metrics.ended_streams.with_label_values(&[json::reason(reason)]);
        }
        let version = Opts::new("build_info", "The version of the server; always 1");
        let build = IntGauge::with_opts(version.const_label("version", env!("CARGO_PKG_VERSION")))?;
        build.set(1);
        metrics.registry.register(Box::new(build))?;
        #[cfg(target_os = "linux")]
        metrics.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        metrics.registry.register(Box::new(errors))?;
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.pool.clone()))?;
        metrics.registry.register(Box::new(metrics.pool_max.clone()))?;
        metrics.registry.register(Box::new(metrics.key_fetches.clone()))?;
        metrics.registry.register(Box::new(metrics.statements.clone()))?;
        metrics.registry.register(Box::new(metrics.streams.clone()))?;
        metrics.registry.register(Box::new(metrics.ended_streams.clone()))?;
        metrics.registry.register(Box::new(metrics.reminders.clone()))?;
        metrics.registry.register(Box::new(metrics.late_reminders.clone()))?;
        metrics.registry.register(Box::new(metrics.tool_calls.clone()))?;
        Ok(metrics)
    }

    /// Records a request that was answered. The histogram's `_count` is the number of requests.
    pub(super) fn request(&self, method: &Method, route: &str, status: u16, took: Duration) {
        // A client can invent any number of methods.
        let known =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        self.requests.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
    }

    /// Records an answer that is an error.
    pub(super) fn error(&self, code: Code) {
        // The order of the counters is that of the codes.
        if let Some(counter) = self.errors.get(code as usize) {
            counter.inc();
        }
    }

    /// Records a fetch from the key server.
    pub(super) fn key_fetch(&self, succeeded: bool) {
        self.key_fetches.with_label_values(&[outcome(succeeded)]).inc();
    }

    /// Records a call of a tool.
    pub(super) fn tool_call(&self, tool: Tool, outcome: ToolOutcome) {
        self.tool_calls.with_label_values(&[tool.name(), outcome.name()]).inc();
    }

    fn text(&self, stores: &[Store]) -> Vec<u8> {
        let pool = Store::pool_use(stores);
        for (state, count) in [("idle", pool.idle), ("used", pool.open.saturating_sub(pool.idle))] {
            self.pool.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.pool_max.set(i64::try_from(pool.max).unwrap_or(i64::MAX));
        // All handles share one count.
        let sent = stores.first().map_or(0, |store| store.db().statements());
        self.statements.inc_by(sent.saturating_sub(self.statements.get()));
        if let Some(listeners) = stores.first().map(Store::listeners) {
            self.streams.set(i64::try_from(listeners.count()).unwrap_or(i64::MAX));
            for reason in End::ALL {
                let ended = self.ended_streams.with_label_values(&[json::reason(reason)]);
                ended.inc_by(listeners.ended(reason).saturating_sub(ended.get()));
            }
        }
        if let Some(firing) = stores.first().map(Store::firing) {
            self.reminders.inc_by(firing.total().saturating_sub(self.reminders.get()));
            self.late_reminders.inc_by(firing.late().saturating_sub(self.late_reminders.get()));
        }
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

/// Returns the label of a fetch from the key server.
const fn outcome(succeeded: bool) -> &'static str {
    if succeeded { "success" } else { "failure" }
}

/// Serves `GET /metrics` on an address of its own.
///
/// # Errors
/// If the address cannot be bound.
pub(super) fn serve(metrics: Metrics, stores: Vec<Store>, address: SocketAddr) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let (metrics, stores) = (metrics.clone(), stores.clone());
        let answer = move || {
            let text = metrics.text(&stores);
            std::future::ready(HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text))
        };
        App::new().route("/metrics", web::get().to(answer))
    });
    Ok(server.workers(1).disable_signals().bind(address)?.run())
}
