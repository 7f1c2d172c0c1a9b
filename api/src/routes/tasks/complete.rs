use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::Caller;
use service::tasks::{self, Change};

use crate::error::Error;
use crate::extract::{OptionalBody, Query, TaskId, WriteConditions};
use crate::json::{Completed, Task};
use crate::routes::MAPPED;
use crate::server::State;

/// Complete or reopen a task
///
/// Flips `completed` in one atomic step. If the body or the query has `completed`, it is set to that value instead, so that
/// repeating the request is safe. If both have it, the value of the body is used.
///
/// Completing an occurrence of a recurring task creates the next one: `next_id` is its id. Reopening it deletes that again, unless
/// something was written to it.
#[utoipa::path(patch, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        Completed,
        ("If-Match" = inline(Option<String>), Header, description = "The version that the task must have, in quotes"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    request_body(content = inline(Option<Completed>), description = "The value to set. It may be left out", example = json!({"completed": true})),
    responses((status = 200, description = "The changed task", body = Task, headers(("ETag" = String, description = "The new version, in quotes"))))
)]
pub async fn complete_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    Query(query): Query<Completed>,
    conditions: WriteConditions,
    OptionalBody(body): OptionalBody<Completed>,
) -> Result<HttpResponse, Error> {
    let conditions = conditions.of("complete_task");
    let outcome = match Completed::first_of(&body, &query) {
        Change::To(completed) => tasks::set_completed(&state.store, &caller, id.0, completed, &conditions).await,
        Change::Keep => tasks::toggle_completed(&state.store, &caller, id.0, &conditions).await,
    };
    let mut response = HttpResponse::Ok();
    Ok(state.written(outcome, &mut response)?.answer(&mut response))
}
