use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Body, NoQuery, TaskId};
use crate::json::{Task, UpdateTask};
use crate::routes::MAPPED;
use crate::server::State;

/// Update a task
///
/// Changes only the fields that are sent. `"description": null` removes the description. `{}` changes nothing.
#[utoipa::path(put, path = MAPPED, tag = "tasks",
    params(("id" = i64, Path, description = "The id of the task", example = 1)),
    request_body(content = UpdateTask, description = "The fields to change", example = json!({"title": "Buy oat milk", "priority": "medium"})),
    responses((status = 200, description = "The changed task", body = Task))
)]
pub async fn update_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    Body(changes): Body<UpdateTask>,
) -> Result<Task, Error> {
    let task = tasks::update(&state.store, &caller, id.0, changes).await?;
    Ok(Task::new(task, state.task_aliases))
}
