use actix_web::http::header::LINK;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use service::recurrence::Slot;
use service::tasks::{self, OccurrencePage, cursor};
use service::{Caller, Error as ServiceError};

use super::list::{EXPECTED_BYTES, LARGE_LIMIT, next_link};
use crate::error::Error;
use crate::extract::{Query, TaskId};
use crate::json::{JSON, ListOccurrences, OccurrencesRequest, Task, array};
use crate::routes::MAPPED;
use crate::server::State;

/// List what was done of a recurring task
///
/// Returns one array: the completed occurrences of the series of the task, the last occurrence first. Each is a task, with
/// `occurrence` (what it stands for) and `completed_at` (when it was done). Occurrences that were deleted are not among them. The
/// list of a task that never recurred is empty. Any occurrence of the series gives the same list.
///
/// If there are more, the response has `Link: <…>; rel="next"` (RFC 8288), the address of the next page relative to this one.
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(("id" = i64, Path, description = "The id of the task", example = 1), ListOccurrences),
    responses((status = 200, description = "The completed occurrences", body = [Task],
        headers(("Link" = Option<String>, description = "The address of the next page, if there is one")),
        example = json!([
            {"id": 1, "title": "Water the plants", "description": null, "completed": true,
             "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-02-02T18:00:00.000000Z",
             "priority": "none", "tags": [], "due_date": "2026-02-02", "completed_at": "2026-02-02T18:00:00.000000Z",
             "version": 1_770_055_200_000_000_i64, "recurrence": "FREQ=WEEKLY;BYDAY=MO,TH", "time_zone": "Europe/Berlin",
             "recurrence_from": "due", "missed": "skip", "series_id": 1_769_851_800_000_000_i64, "occurrence": "2026-02-02",
             "next_id": 2}
        ])
    ))
)]
pub async fn list_occurrences(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    Query(OccurrencesRequest { limit, cursor }): Query<ListOccurrences>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let caller = &*caller;
    let list = ("occurrences", id.0);
    let after = cursor.map(|cursor| cursor::decode_in_log::<String>(caller, &list, &cursor)).transpose()?;
    let after = after.map(|after| Slot::parse(&after).map_err(|_| ServiceError::InvalidCursor)).transpose()?;
    // Before the query, so that a request without memory for its answer costs nothing.
    let held = if limit > LARGE_LIMIT {
        Some(state.answer_memory.hold(caller.user_id(), limit * EXPECTED_BYTES).await?)
    } else {
        None
    };
    let OccurrencePage { tasks, next } = tasks::occurrences(&state.store, caller, id.0, limit, after.as_ref()).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        let cursor = cursor::encode_in_log(caller, &list, &next.as_str());
        response.insert_header((LINK, next_link(&cursor, limit, &request)?));
    }
    let body = state.answer_memory.body(caller.user_id(), array(tasks, state.task_aliases), held)?;
    Ok(response.insert_header(JSON).body(body))
}
