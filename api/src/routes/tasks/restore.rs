use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{NoQuery, RequestKey, TaskId};
use crate::json::Task;
use crate::routes::MAPPED;
use crate::server::State;

/// Restore a deleted task
///
/// Returns the task of the trash to the list, as it was when it was deleted, with the same id and `created_at` and a new version.
/// A task that exists is answered as it is, so the request can be repeated.
///
/// 409 (`code: occurrence_exists`): it is an occurrence of a recurring task, and there is another task for it by now.
///
/// 404: the task is not in your trash. It was deleted too long ago, or the trash was emptied, or you never had it.
#[utoipa::path(post, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    responses((status = 200, description = "The task", body = Task,
        headers(("ETag" = String, description = "Its version, in quotes")))))]
pub async fn restore_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    _: NoQuery,
    key: RequestKey,
) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::Ok();
    let restored = tasks::restore(&state.store, &caller, id.0, key.of("restore_task")).await;
    Ok(state.written(restored, &mut response)?.answer(&mut response))
}
