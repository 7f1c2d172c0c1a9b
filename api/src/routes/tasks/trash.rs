use actix_web::http::header::LINK;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use service::tasks::{self, cursor};
use service::{Caller, tasks::TrashPage};

use super::list::{EXPECTED_BYTES, LARGE_LIMIT, next_link};
use crate::error::Error;
use crate::extract::{NoQuery, Query, RequestKey};
use crate::json::{Count, DeletedTask, JSON, ListTrash, TrashRequest, deleted_array};
use crate::routes::MAPPED;
use crate::server::{State, counted};

/// The name of the trash in its cursors. The query of a list is an object there, and never a text.
const TRASH: &str = "trash";

/// List your deleted tasks
///
/// Returns one array, the task that was deleted last first. Each is as it was when it was deleted, with `deleted_at`. They are
/// kept for a time (`HISTORY_DAYS`, usually 30 days), unless the trash is emptied before.
///
/// If there are more, the response has `Link: <…>; rel="next"` (RFC 8288), the address of the next page relative to this one. A
/// page can be empty and still have a next one.
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(ListTrash),
    responses((status = 200, description = "Your deleted tasks", body = [DeletedTask],
        headers(("Link" = Option<String>, description = "The address of the next page, if there is one")),
        example = json!([
            {"id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
             "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z",
             "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01", "completed_at": null,
             "version": 1_769_851_800_000_000_i64, "deleted_at": "2026-01-31T10:01:00.000000Z"}
        ])
    ))
)]
pub async fn list_trash(
    state: Data<State>,
    caller: ReqData<Caller>,
    Query(TrashRequest { limit, cursor }): Query<ListTrash>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let (store, caller) = (&state.store, &*caller);
    let after = cursor.map(|cursor| cursor::decode_in_log(caller, &TRASH, &cursor)).transpose()?;
    // Before the query, so that a request without memory for its answer costs nothing.
    let held = if limit > LARGE_LIMIT {
        Some(state.answer_memory.hold(caller.user_id(), limit * EXPECTED_BYTES).await?)
    } else {
        None
    };
    let TrashPage { tasks, next } = tasks::trash(store, caller, limit, after).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((LINK, next_link(&cursor::encode_in_log(caller, &TRASH, &next), limit, &request)?));
    }
    let body = state.answer_memory.body(caller.user_id(), deleted_array(tasks, state.task_aliases), held)?;
    Ok(response.insert_header(JSON).body(body))
}

/// Empty your trash
///
/// Erases all deleted tasks, and what the history has of them. It cannot be undone. With very many changes it can end with 503
/// before everything is erased: a repeated request goes on.
#[utoipa::path(delete, path = MAPPED, tag = "permanent deletion",
    params(
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    responses((status = 200, description = "How many tasks were in the trash", body = Count, example = json!({"count": 3}))))]
pub async fn empty_trash(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: NoQuery,
    key: RequestKey,
) -> Result<HttpResponse, Error> {
    Ok(counted(tasks::wipe_trash(&state.store, &caller, key.of("empty_trash")).await?))
}
