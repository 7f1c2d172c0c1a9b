use std::sync::Arc;

use service::Store;

use super::answer_memory::AnswerMemory;
use super::limits::RateLimits;
use super::metrics::Metrics;
use super::readiness::Readiness;
use crate::auth::Verifier;
use crate::config::TaskAliases;

/// What the handlers and the layers around them use. Each worker thread has its own value, as `web::Data<State>`: the
/// store is the worker's own, the rest is shared.
pub struct State {
    /// The worker's part of the store, see `Store::split`.
    pub store: Store,
    /// Whether DELETE answers with the deleted task if the client states no preference.
    pub delete_returns_task: bool,
    /// The other names that answers have for `completed`.
    pub task_aliases: TaskAliases,
    /// Whether requests should be sent to this server.
    pub(crate) readiness: Arc<Readiness>,
    /// The memory for answers that wait to be written.
    pub(crate) answer_memory: Arc<AnswerMemory>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) limits: Arc<RateLimits>,
    pub(super) metrics: Option<Metrics>,
}
