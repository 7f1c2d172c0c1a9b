use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use super::list::{EXPECTED_BYTES, LARGE_LIMIT};
use crate::error::Error;
use crate::extract::Query;
use crate::json::{ChangeFeed, ChangesRequest, JSON, ListChanges, change_feed};
use crate::routes::MAPPED;
use crate::server::State;

/// List what has changed
///
/// Returns the tasks that were changed or deleted after the state `since`, in the order of their last changes. Each task is there
/// once, as it is now, however often it was changed. Ignore types of changes that you do not know.
///
/// A `reminder` is one that has fired. It has not changed the task, so it does not take part in the replica. Show it if it is not
/// too old for you: the part after a long absence has all of them. Those of deleted tasks are left out.
///
/// A replica begins with the whole list: its `ETag`, without the quotes, is the first state. Then send `since` with the `state`
/// of the answer before, at once while `has_more` is true. A part can be empty and still have more behind it. When `has_more` is
/// false, the replica equals the list.
///
/// 410 (`code: resync`): the changes since this state are not known, because it is too old, or everything was erased since. Load
/// the whole list again, and replace the replica by it. Do not merge them.
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(ListChanges),
    responses((status = 200, description = "The changes", body = ChangeFeed, example = json!({
        "changes": [
            {"type": "changed", "task":
                {"id": 2, "title": "Call Bob", "description": null, "completed": true,
                 "created_at": "2026-01-31T09:31:00.000000Z", "updated_at": "2026-01-31T10:00:00.000000Z",
                 "priority": "none", "tags": [], "due_date": null, "completed_at": "2026-01-31T10:00:00.000000Z",
                 "version": 1_769_853_600_000_000_i64}},
            {"type": "deleted", "id": 1, "version": 1_769_853_660_000_000_i64},
            {"type": "reminder", "id": 3, "version": 1_769_853_720_000_000_i64,
             "reminder": {"n": 1, "at": "2026-01-31T10:02:00.000000Z"}}
        ],
        "state": 1_769_853_720_000_000_i64,
        "has_more": false
    })))
)]
pub async fn list_changes(
    state: Data<State>,
    caller: ReqData<Caller>,
    Query(ChangesRequest { since, limit }): Query<ListChanges>,
) -> Result<HttpResponse, Error> {
    let user = caller.user_id();
    // Before the query, so that a request without memory for its answer costs nothing.
    let held =
        if limit > LARGE_LIMIT { Some(state.answer_memory.hold(user, limit * EXPECTED_BYTES).await?) } else { None };
    let feed = tasks::changes(&state.store, &caller, since, limit).await?;
    let body = state.answer_memory.body(user, change_feed(feed, state.task_aliases), held)?;
    Ok(HttpResponse::Ok().insert_header(JSON).body(body))
}
