use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::NoQuery;
use crate::json::TagCount;
use crate::routes::MAPPED;
use crate::server::State;

/// List your tags
///
/// Returns the tags of all your tasks, in the order of their names, and how many tasks have each.
#[utoipa::path(get, path = MAPPED, tag = "tags and summary", responses((status = 200, description = "The tags", body = [TagCount],
    example = json!([{"name": "shopping", "count": 2}, {"name": "Work", "count": 5}]))))]
pub async fn list_tags(state: Data<State>, caller: ReqData<Caller>, _: NoQuery) -> Result<HttpResponse, Error> {
    let tags = tasks::tags(&state.store, &caller).await?;
    state.answer(&caller, &tags.into_iter().map(TagCount::from).collect::<Vec<_>>())
}
