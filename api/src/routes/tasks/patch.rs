use actix_web::web::{Data, ReqData};
use service::Caller;

use super::update_task;
use crate::error::Error;
use crate::extract::{Body, NoQuery, TaskId};
use crate::json::{Task, UpdateTask};
use crate::routes::MAPPED;
use crate::server::State;

/// Update a task
///
/// The same as PUT.
#[utoipa::path(patch, path = MAPPED, tag = "tasks",
    params(("id" = i64, Path, description = "The id of the task", example = 1)),
    request_body(description = "The fields to change", content(
        (UpdateTask = "application/json", example = json!({"completed": true})),
        (UpdateTask = "application/merge-patch+json", example = json!({"description": null})),
    )),
    responses((status = 200, description = "The changed task", body = Task))
)]
pub async fn patch_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    query: NoQuery,
    changes: Body<UpdateTask>,
) -> Result<Task, Error> {
    update_task(state, caller, id, query, changes).await
}
