use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{NoQuery, WriteConditions};
use crate::json::Count;
use crate::routes::MAPPED;
use crate::server::{State, counted};

/// Complete all your tasks
///
/// Completes the tasks that are pending. With very many of them, it completes as many as it can in ten seconds: `count` is their
/// number, and a repeated request goes on.
#[utoipa::path(post, path = MAPPED, tag = "bulk",
    params(
        ("If-Match" = inline(Option<String>), Header, description = "The state that the list must have, in quotes: the ETag of a list"),
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    responses((status = 200, description = "How many tasks were completed", body = Count, example = json!({"count": 3}))))]
pub async fn complete_all_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: NoQuery,
    conditions: WriteConditions,
) -> Result<HttpResponse, Error> {
    let conditions = conditions.of("complete_all_tasks");
    Ok(counted(tasks::complete_all(&state.store, &caller, &conditions).await?))
}
