use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Body, IfMatch, NoQuery, TaskId};
use crate::json::{Task, UpdateTask};
use crate::routes::MAPPED;
use crate::server::State;

/// Update a task
///
/// Changes only the fields that are sent. With `If-Match`, it changes them only if the task still has that version: otherwise the
/// answer is 412, with the current task.
///
/// `"description": null` removes the description. `{}` changes nothing.
#[utoipa::path(put, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        ("If-Match" = inline(Option<String>), Header, description = "The version that the task must have, in quotes"),
    ),
    request_body(content = UpdateTask, description = "The fields to change", example = json!({"title": "Buy oat milk", "priority": "medium"})),
    responses((status = 200, description = "The changed task", body = Task, headers(("ETag" = String, description = "The new version, in quotes"))))
)]
pub async fn update_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    IfMatch(precondition): IfMatch,
    Body(changes): Body<UpdateTask>,
) -> Result<Task, Error> {
    state.task(tasks::update(&state.store, &caller, id.0, changes, &precondition).await)
}
