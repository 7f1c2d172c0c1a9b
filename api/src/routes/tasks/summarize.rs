use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::Query;
use crate::json::{InZone, Summary};
use crate::routes::MAPPED;
use crate::server::State;

/// Count your tasks
///
/// Counts the tasks of each kind in one request, for the badges of a page.
#[utoipa::path(get, path = MAPPED, tag = "tags and summary", params(InZone),
    responses((status = 200, description = "The counts", body = Summary, example = json!({
        "all": 3, "pending": 2, "completed": 1, "overdue": 1, "due_today": 0,
        "by_priority": {"none": 2, "low": 0, "medium": 0, "high": 1}, "by_tag": [{"name": "shopping", "count": 2}]
    }))))]
pub async fn summarize_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    Query(zone): Query<InZone>,
) -> Result<HttpResponse, Error> {
    let summary: Summary = tasks::summary(&state.store, &caller, zone).await?.into();
    state.answer(&caller, &summary)
}
