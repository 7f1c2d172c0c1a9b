use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::etag;
use crate::extract::{IfNoneMatch, Query};
use crate::json::{InZone, Summary};
use crate::routes::MAPPED;
use crate::server::State;

/// Count your tasks
///
/// Counts the tasks of each kind in one request, for the badges of a page.
#[utoipa::path(get, path = MAPPED, tag = "tags and summary", 
    params(InZone, ("If-None-Match" = inline(Option<String>), Header, description = "The states of the list that the client has, in quotes")),
    responses(
        (status = 200, description = "The counts", body = Summary,
            headers(("ETag" = Option<String>, description = "The state of your tasks, in quotes, if the counts do not depend on the time")),
            example = json!({
        "all": 3, "pending": 2, "completed": 1, "overdue": 1, "due_today": 0,
        "by_priority": {"none": 2, "low": 0, "medium": 0, "high": 1}, "by_tag": [{"name": "shopping", "count": 2}]
    })),
        (status = 304, description = "The client has this state", headers(("ETag" = String, description = "The state, in quotes"))),
    ))]
pub async fn summarize_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    Query(zone): Query<InZone>,
    known: IfNoneMatch,
) -> Result<HttpResponse, Error> {
    let summary = tasks::summary(&state.store, &caller, zone).await?;
    let version = summary.is_lasting.then_some(summary.state);
    if let Some(version) = version.filter(|version| known.has(*version)) {
        return Ok(etag::not_modified(version));
    }
    state.answer(&caller, &Summary::from(summary), version)
}
