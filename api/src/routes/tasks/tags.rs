use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{IfNoneMatch, NoQuery};
use crate::json::TagCount;
use crate::routes::MAPPED;
use crate::server::State;

/// List your tags
///
/// Returns the tags of all your tasks, in the order of their names, and how many tasks have each.
#[utoipa::path(get, path = MAPPED, tag = "tags and summary", 
    params(("If-None-Match" = inline(Option<String>), Header, description = "The states of the list that the client has, in quotes"),),
    responses(
        (status = 200, description = "The tags", body = [TagCount],
            headers(("ETag" = String, description = "The state of your tasks, in quotes")),
            example = json!([{"name": "shopping", "count": 2}, {"name": "Work", "count": 5}])),
        (status = 304, description = "The client has this state", headers(("ETag" = String, description = "The state, in quotes"))),
    ))]
pub async fn list_tags(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: NoQuery,
    known: IfNoneMatch,
) -> Result<HttpResponse, Error> {
    if let Some(unchanged) = state.unchanged(&caller, &known).await? {
        return Ok(unchanged);
    }
    let (tags, version) = tasks::tags(&state.store, &caller).await?;
    state.answer(&caller, &tags.into_iter().map(TagCount::from).collect::<Vec<_>>(), Some(version))
}
