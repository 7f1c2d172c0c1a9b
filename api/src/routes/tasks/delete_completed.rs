use actix_web::web::{Data, Json, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{IfMatch, Query};
use crate::json::{Count, DeleteTasks};
use crate::routes::MAPPED;
use crate::server::State;

/// Delete your completed tasks
///
/// Deletes all of them. They are in the trash for a time, from which each can be restored. With very many of them, it deletes as many as it can in ten seconds: `count` is
/// their number, and a repeated request goes on.
#[utoipa::path(delete, path = MAPPED, tag = "bulk",
    params(
        DeleteTasks,
        ("If-Match" = inline(Option<String>), Header, description = "The state that the list must have, in quotes: the ETag of a list"),
    ),
    responses((status = 200, description = "How many tasks were deleted", body = Count, example = json!({"count": 3}))))]
pub async fn delete_completed_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: Query<DeleteTasks>,
    IfMatch(precondition): IfMatch,
) -> Result<Json<Count>, Error> {
    let count = tasks::delete_completed(&state.store, &caller, &precondition).await?;
    Ok(Json(Count { count }))
}
