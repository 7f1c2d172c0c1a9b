use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::Caller;

use super::update_task;
use crate::error::Error;
use crate::extract::{Body, NoQuery, Prefer, TaskId, WriteConditions};
use crate::json::{Task, UpdateTask};
use crate::routes::MAPPED;
use crate::server::State;

/// Update a task
///
/// The same as PUT.
#[utoipa::path(patch, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        ("If-Match" = inline(Option<String>), Header, description = "The version that the task must have, in quotes"),
        ("Prefer" = inline(Option<String>), Header, description = "`merge=auto` to merge with changes of others"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    request_body(description = "The fields to change", content(
        (UpdateTask = "application/json", example = json!({"completed": true})),
        (UpdateTask = "application/merge-patch+json", example = json!({"description": null})),
    )),
    responses((status = 200, description = "The changed task", body = Task, headers(
        ("ETag" = String, description = "The new version, in quotes"),
        ("Preference-Applied" = Option<String>, description = "`merge=auto`, if the change was merged"),
    )))
)]
pub async fn patch_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    query: NoQuery,
    conditions: WriteConditions,
    prefer: Prefer,
    changes: Body<UpdateTask>,
) -> Result<HttpResponse, Error> {
    update_task(state, caller, id, query, conditions, prefer, changes).await
}
