use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ReqData};
use serde::Deserialize;
use service::{Caller, Db, tasks};
use utoipa::{IntoParams, ToSchema};

use crate::config::DeleteReturnsTask;
use crate::error::Error;
use crate::extract::{NoQuery, Prefer, Query, Return, TaskId};
use crate::json::task::{Counted, Task};

/// Delete a task
///
/// Answers 204 without a body. With `Prefer: return=representation` (RFC 7240), or where the server is set so
/// (`DELETE_RETURNS_TASK=true`), it answers 200 with the task that was deleted.
#[utoipa::path(delete, path = "/api/tasks/{id}", tag = "tasks",
    params(
        ("id" = i64, Path, description = "The task's id", example = 1),
        ("Prefer" = inline(Option<String>), Header, description = "`return=representation` for the deleted task", example = "return=minimal"),
    ),
    responses(
        (status = 200, description = "The task that was deleted, where that was asked for", body = Task),
        (status = 204, description = "It is deleted"),
    )
)]
pub async fn delete_task(
    db: Data<Db>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    prefer: Prefer,
    default: Data<DeleteReturnsTask>,
) -> Result<HttpResponse, Error> {
    let returns_task = prefer.returned.map_or(default.0, |returned| returned == Return::Representation);
    let task = tasks::delete(&db, &caller, id.0).await?;
    Ok(if returns_task { Task::from(task).answer(&mut HttpResponse::Ok()) } else { HttpResponse::NoContent().finish() })
}

/// Which tasks to delete: it must be said.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteTasks {
    /// `completed`, those that are done. No other tasks are deleted at once.
    #[param(inline)]
    #[serde(rename = "status")]
    _status: Deletable,
}

/// Tasks that can be deleted at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Deletable {
    Completed,
}

/// Delete your completed tasks
///
/// All of them, in one atomic step.
#[utoipa::path(delete, path = "/api/tasks", tag = "tasks", params(DeleteTasks),
    responses((status = 200, description = "How many tasks that were", body = Counted, example = json!({"count": 3}))))]
pub async fn delete_completed_tasks(
    db: Data<Db>,
    caller: ReqData<Caller>,
    _: Query<DeleteTasks>,
) -> Result<Json<Counted>, Error> {
    let count = tasks::delete_completed(&db, &caller).await?;
    Ok(Json(Counted { count }))
}
