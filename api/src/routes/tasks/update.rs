use actix_web::web::{Data, ReqData};
use service::{Caller, Db, tasks};

use crate::error::Error;
use crate::extract::{Body, NoQuery, TaskId};
use crate::json::task::{Task, UpdateTask};

/// Update a task
///
/// Only the fields that are sent change; `"description": null` removes the description. `{}` changes nothing.
#[utoipa::path(put, path = "/api/tasks/{id}", tag = "tasks",
    params(("id" = i64, Path, description = "The task's id", example = 1)),
    request_body(content = UpdateTask, description = "The fields to change", example = json!({"title": "Buy oat milk", "description": null})),
    responses((status = 200, description = "The task, as it is now", body = Task))
)]
pub async fn update_task(
    db: Data<Db>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    Body(changes): Body<UpdateTask>,
) -> Result<Task, Error> {
    Ok(tasks::update(&db, &caller, id.0, changes.try_into()?).await?.into())
}

/// Update a task
///
/// The same as PUT.
#[utoipa::path(patch, path = "/api/tasks/{id}", tag = "tasks",
    params(("id" = i64, Path, description = "The task's id", example = 1)),
    request_body(description = "The fields to change", content(
        (UpdateTask = "application/json", example = json!({"completed": true})),
        (UpdateTask = "application/merge-patch+json", example = json!({"description": null})),
    )),
    responses((status = 200, description = "The task, as it is now", body = Task))
)]
pub async fn patch_task(
    db: Data<Db>,
    caller: ReqData<Caller>,
    id: TaskId,
    query: NoQuery,
    changes: Body<UpdateTask>,
) -> Result<Task, Error> {
    update_task(db, caller, id, query, changes).await
}
