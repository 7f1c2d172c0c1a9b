use actix_web::http::header::LINK;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use service::Caller;
use service::tasks::{self, HistoryPage, cursor};

use super::list::{EXPECTED_BYTES, LARGE_LIMIT, next_link};
use crate::error::Error;
use crate::extract::{Query, TaskId};
use crate::json::{HistoryEntry, HistoryRequest, JSON, ListHistory};
use crate::routes::MAPPED;
use crate::server::State;

/// List what has changed in a task
///
/// Returns one array, the newest change first, each with the fields that it changed. Changes are kept for a time (`HISTORY_DAYS`,
/// usually 30 days). A task that is in the trash is 404; restore it first.
///
/// If there are more, the response has `Link: <…>; rel="next"` (RFC 8288), the address of the next page relative to this one. A
/// page can be empty and still have a next one.
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(("id" = i64, Path, description = "The id of the task", example = 1), ListHistory),
    responses((status = 200, description = "The changes of the task", body = [HistoryEntry],
        headers(("Link" = Option<String>, description = "The address of the next page, if there is one")),
        example = json!([
            {"version": 1_769_853_600_000_000_i64, "kind": "changed", "actor": null,
             "fields": {"title": {"from": "Buy milk", "to": "Buy oat milk"}}},
            {"version": 1_769_851_800_000_000_i64, "kind": "created", "actor": "assistant",
             "fields": {"title": {"from": null, "to": "Buy milk"}}}
        ])
    ))
)]
pub async fn list_history(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    Query(HistoryRequest { limit, cursor }): Query<ListHistory>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let caller = &*caller;
    let list = ("history", id.0);
    let after = cursor.map(|cursor| cursor::decode_in_log(caller, &list, &cursor)).transpose()?;
    // Before the query, so that a request without memory for its answer costs nothing.
    let held = if limit > LARGE_LIMIT {
        Some(state.answer_memory.hold(caller.user_id(), limit * EXPECTED_BYTES).await?)
    } else {
        None
    };
    let HistoryPage { entries, next } = tasks::history(&state.store, caller, id.0, limit, after).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((LINK, next_link(&cursor::encode_in_log(caller, &list, &next), limit, &request)?));
    }
    let entries: Vec<HistoryEntry> = entries.into_iter().map(HistoryEntry::from).collect();
    let json = serde_json::to_vec(&entries).map_err(|error| Error::Internal(error.to_string()))?;
    let body = state.answer_memory.body(caller.user_id(), json.into(), held)?;
    Ok(response.insert_header(JSON).body(body))
}
