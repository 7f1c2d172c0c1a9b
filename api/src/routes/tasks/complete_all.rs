use actix_web::web::{Data, Json, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{IfMatch, NoQuery};
use crate::json::Count;
use crate::routes::MAPPED;
use crate::server::State;

/// Complete all your tasks
///
/// Completes the tasks that are pending. With very many of them, it completes as many as it can in ten seconds: `count` is their
/// number, and a repeated request goes on.
#[utoipa::path(post, path = MAPPED, tag = "bulk",
    params(
        ("If-Match" = inline(Option<String>), Header, description = "The state that the list must have, in quotes: the ETag of a list"),
    ),
    responses((status = 200, description = "How many tasks were completed", body = Count, example = json!({"count": 3}))))]
pub async fn complete_all_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: NoQuery,
    IfMatch(precondition): IfMatch,
) -> Result<Json<Count>, Error> {
    let count = tasks::complete_all(&state.store, &caller, &precondition).await?;
    Ok(Json(Count { count }))
}
