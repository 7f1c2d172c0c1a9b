use std::sync::Arc;

use actix_web::HttpResponse;
use serde::Serialize;
use service::{Caller, Store};

use super::answer_memory::AnswerMemory;
use super::limits::RateLimits;
use super::metrics::Metrics;
use super::readiness::Readiness;
use crate::auth::Verifier;
use crate::config::TaskAliases;
use crate::error::Error;
use crate::json::JSON;

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

impl State {
    /// Makes the answer to this user, whose length depends on the user's data. It is counted until it has been written.
    ///
    /// # Errors
    /// [`Error::Busy`] if the answers that wait to be written leave no memory for it.
    pub(crate) fn answer(&self, caller: &Caller, body: &impl Serialize) -> Result<HttpResponse, Error> {
        let json = serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))?;
        let body = self.answer_memory.body(caller.user_id(), json.into(), None)?;
        Ok(HttpResponse::Ok().insert_header(JSON).body(body))
    }
}
