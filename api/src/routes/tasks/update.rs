use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Body, NoQuery, PREFERENCE_APPLIED, Prefer, TaskId, WriteConditions};
use crate::json::{Task, UpdateTask};
use crate::routes::MAPPED;
use crate::server::State;

/// Update a task
///
/// Changes only the fields that are sent. With `If-Match`, it changes them only if the task still has that version: otherwise the
/// answer is 412, with the current task. With `Prefer: merge=auto` too, the fields are changed nevertheless, unless others have
/// changed the same field to something else since: `conflicts` in the 412 names those.
///
/// `"description": null` removes the description. `{}` changes nothing.
///
/// A change of `recurrence` or `due_date` of a recurring task changes it and later occurrences, never past ones.
/// `"recurrence": null` ends the series.
#[utoipa::path(put, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        ("If-Match" = inline(Option<String>), Header, description = "The version that the task must have, in quotes"),
        ("Prefer" = inline(Option<String>), Header, description = "`merge=auto` to merge with changes of others"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    request_body(content = UpdateTask, description = "The fields to change", example = json!({"title": "Buy oat milk", "priority": "medium"})),
    responses((status = 200, description = "The changed task", body = Task, headers(
        ("ETag" = String, description = "The new version, in quotes"),
        ("Preference-Applied" = Option<String>, description = "`merge=auto`, if the change was merged"),
    )))
)]
pub async fn update_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    conditions: WriteConditions,
    prefer: Prefer,
    Body(changes): Body<UpdateTask>,
) -> Result<HttpResponse, Error> {
    let conditions = conditions.of("update_task");
    let mut response = HttpResponse::Ok();
    if !prefer.merges {
        let outcome = tasks::update(&state.store, &caller, id.0, changes, &conditions).await;
        return Ok(state.written(outcome, &mut response)?.answer(&mut response));
    }
    let outcome = Box::pin(tasks::merge(&state.store, &caller, id.0, changes, &conditions)).await;
    if outcome.as_ref().is_ok_and(|merged| merged.is_merged) {
        response.insert_header((PREFERENCE_APPLIED, "merge=auto"));
    }
    Ok(state.written(outcome.map(|merged| merged.task), &mut response)?.answer(&mut response))
}
