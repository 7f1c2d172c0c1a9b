use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::etag;
use crate::extract::{IfNoneMatch, NoQuery, TaskId};
use crate::json::Task;
use crate::routes::MAPPED;
use crate::server::State;

/// Get a task
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        ("If-None-Match" = inline(Option<String>), Header, description = "The versions that the client has, in quotes"),
    ),
    responses(
        (status = 200, description = "The task", body = Task, headers(("ETag" = String, description = "Its version, in quotes"))),
        (status = 304, description = "The client has this version", headers(("ETag" = String, description = "The version, in quotes"))),
    )
)]
pub async fn get_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    known: IfNoneMatch,
) -> Result<HttpResponse, Error> {
    let task = tasks::get(&state.store, &caller, id.0).await?;
    if known.has(task.version()) {
        return Ok(etag::not_modified(task.version()));
    }
    Ok(Task::new(task, state.task_aliases).answer(&mut HttpResponse::Ok()))
}
