use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use service::live::{Encode, Listener, Refused, listen};
use service::tasks::{self, Written};
use service::{Caller, Store};

use super::answer_memory::AnswerMemory;
use super::limits::RateLimits;
use super::metrics::{Metrics, ToolOutcome};
use super::readiness::Readiness;
use super::request_log;
use crate::auth::Verifier;
use crate::config::TaskAliases;
use crate::error::Error;
use crate::etag;
use crate::extract::{IDEMPOTENCY_REPLAYED, IfNoneMatch};
use crate::json::{Count, JSON, Task};
use crate::tool::Tool;

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
    /// Writes changes as events.
    pub(crate) encode: Encode,
    pub(super) verifier: Arc<Verifier>,
    pub(super) limits: Arc<RateLimits>,
    pub(super) metrics: Option<Metrics>,
}

impl State {
    /// Returns the task of an answer from the outcome of a write to it, and marks the response if it is a replay. If a
    /// precondition did not hold, the error has the current task.
    ///
    /// # Errors
    /// The error of the operation.
    pub(crate) fn written(
        &self,
        outcome: Result<Written<tasks::Task>, service::Error>,
        response: &mut HttpResponseBuilder,
    ) -> Result<Task, Error> {
        match outcome {
            Ok(written) => Ok(Task::new(unmarked(written, response), self.task_aliases)),
            Err(service::Error::Stale(stale)) => {
                let current = stale.current.and_then(|task| Task::new(task, self.task_aliases).raw());
                Err(Error::Stale { version: stale.version, current, conflicts: stale.conflicts })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the answer to a request for a list whose client has its current state already. Not for a list that depends on
    /// the time.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn unchanged(&self, caller: &Caller, known: &IfNoneMatch) -> Result<Option<HttpResponse>, Error> {
        if !known.is_some() {
            return Ok(None);
        }
        let version = tasks::state(&self.store, caller).await?;
        Ok(known.has(version).then(|| etag::not_modified(version)))
    }

    /// Listens to the changes of the caller of this request after the state `since`, or from now on, until the token of the
    /// request expires.
    ///
    /// # Errors
    /// [`Error::NoPlace`]. An error of the database.
    pub(crate) async fn listen(
        &self,
        request: &HttpRequest,
        caller: &Caller,
        since: Option<i64>,
    ) -> Result<Listener, Error> {
        let expires = self.verifier.expiry(request.headers()).await?;
        let listening = listen(&self.store, caller, since, expires, Arc::clone(&self.encode)).await;
        listening.map_err(|refused| match refused {
            Refused::NoPlace(no_place) => Error::NoPlace(no_place),
            Refused::Failed(error) => error.into(),
        })
    }

    /// Counts a task that an agent deletes. Returns the seconds until it may delete the next one, if it has deleted too many.
    pub(crate) fn check_delete(&self, caller: &Caller) -> Result<(), u64> {
        self.limits.check_delete(caller)
    }

    /// Counts and logs a call of a tool, with its client and without its arguments.
    pub(crate) fn record_tool_call(&self, tool: Tool, outcome: ToolOutcome, caller: &Caller) {
        if let Some(metrics) = &self.metrics {
            metrics.tool_call(tool, outcome);
        }
        if log::log_enabled!(log::Level::Info) {
            request_log::write_tool_call(tool.name(), outcome.name(), caller.actor());
        }
    }

    /// Makes the answer to this user, with this version as its entity tag, whose length depends on the user's data. It is
    /// counted until it has been written.
    ///
    /// # Errors
    /// [`Error::Busy`] if the answers that wait to be written leave no memory for it.
    pub(crate) fn answer(
        &self,
        caller: &Caller,
        body: &impl Serialize,
        version: Option<i64>,
    ) -> Result<HttpResponse, Error> {
        let json = serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))?;
        let body = self.answer_memory.body(caller.user_id(), json.into(), None)?;
        let mut response = HttpResponse::Ok();
        if let Some(version) = version {
            response.insert_header(etag::header(version));
        }
        Ok(response.insert_header(JSON).body(body))
    }
}

/// Returns the answer to a bulk edit.
pub(crate) fn counted(written: Written<u64>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let count = unmarked(written, &mut response);
    response.json(Count { count })
}

/// Returns what was written, and marks the response if it is a replay.
fn unmarked<T>(written: Written<T>, response: &mut HttpResponseBuilder) -> T {
    if written.is_replay {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    written.value
}
