use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Prefer, Query, Return, TaskId, WriteConditions};
use crate::json::{DeleteTask, Task};
use crate::routes::MAPPED;
use crate::server::State;

/// Delete a task
///
/// Answers 204 without a body. With `Prefer: return=representation` (RFC 7240), or if the server is configured so
/// (`DELETE_RETURNS_TASK=true`), it answers 200 with the deleted task. The task is in the trash for a time, from which it can be
/// restored.
///
/// Deleting an open occurrence of a recurring task skips it: the next one is created. With `series=true` all open tasks of the
/// series are deleted, and it ends. Completed occurrences stay.
#[utoipa::path(delete, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        DeleteTask,
        ("If-Match" = inline(Option<String>), Header, description = "The version that the task must have, in quotes"),
        ("Prefer" = inline(Option<String>), Header, description = "`return=representation` for the deleted task"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    responses(
        (status = 200, description = "The deleted task, if it was requested", body = Task,
            headers(("ETag" = String, description = "Its last version, in quotes"))),
        (status = 204, description = "The task is deleted"),
    )
)]
pub async fn delete_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    Query(series): Query<DeleteTask>,
    prefer: Prefer,
    conditions: WriteConditions,
) -> Result<HttpResponse, Error> {
    let returns_task = prefer.returned.map_or(state.delete_returns_task, |returned| returned == Return::Representation);
    let conditions = conditions.of("delete_task");
    let mut response = HttpResponse::Ok();
    let deleted = if series {
        tasks::delete_series(&state.store, &caller, id.0, &conditions).await
    } else {
        tasks::delete(&state.store, &caller, id.0, &conditions).await
    };
    let task = state.written(deleted, &mut response)?;
    if !returns_task {
        return Ok(response.status(StatusCode::NO_CONTENT).finish());
    }
    Ok(task.answer(&mut response))
}
