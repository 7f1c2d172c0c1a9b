use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Query, WriteConditions};
use crate::json::{Count, DeleteTasks};
use crate::routes::MAPPED;
use crate::server::{State, counted};

/// Delete your completed tasks
///
/// Deletes all of them. They are in the trash for a time, from which each can be restored. With very many of them, it deletes
/// as many as it can in ten seconds: `count` is their number, and a repeated request goes on.
#[utoipa::path(delete, path = MAPPED, tag = "bulk",
    params(
        DeleteTasks,
        ("If-Match" = inline(Option<String>), Header, description = "The state that the list must have, in quotes: the ETag of a list"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    responses((status = 200, description = "How many tasks were deleted", body = Count, example = json!({"count": 3}))))]
pub async fn delete_completed_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: Query<DeleteTasks>,
    conditions: WriteConditions,
) -> Result<HttpResponse, Error> {
    let conditions = conditions.of("delete_completed_tasks");
    Ok(counted(tasks::delete_completed(&state.store, &caller, &conditions).await?))
}
