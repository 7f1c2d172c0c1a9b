use actix_web::http::Method;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Bytes, Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use futures_util::stream::empty;
use service::Caller;
use service::tasks::{WholeList, WholeTrash};

use crate::error::Error;
use crate::extract::NoQuery;
use crate::json::{Export, JSON};
use crate::routes::{MAPPED, stream};
use crate::server::State;

/// Export all your data
///
/// Returns one JSON document: your tasks, and those in the trash, as they are now. It is streamed, because it can be large. If
/// the connection breaks before the end, the document is cut off and is not valid JSON.
#[utoipa::path(get, path = MAPPED, tag = "account", responses((status = 200, description = "All your data", body = Export,
    headers(("Content-Disposition" = String, description = "A name for the file")),
    example = json!({"user_id": "alice", "exported_at": "2026-01-31T09:30:00.000000Z", "tasks": [], "trash": []}))))]
pub async fn export_me(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: NoQuery,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    // The first part is read before the response begins, so that an outage is a 503 and not a document that is cut off.
    let parts = WholeList::begin_export(&state.store, &caller).await?;
    let opening = Export::opening(caller.user_id());
    let mut response = HttpResponse::Ok();
    response.insert_header(JSON).insert_header((CONTENT_DISPOSITION, "attachment; filename=\"tasks.json\""));
    if request.method() == Method::HEAD {
        // The client gets no body, so nothing would slow the stream down.
        return Ok(response.streaming(empty::<Result<Bytes, Error>>()));
    }
    let trash = WholeTrash::new(&state.store, &caller);
    let tasks = stream::array(state.clone(), parts, opening, Export::BEFORE_TRASH);
    Ok(response.streaming(tasks.chain(stream::trash(state, trash, Export::CLOSING))))
}
