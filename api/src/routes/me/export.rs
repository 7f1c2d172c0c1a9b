use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, ReqData};
use chrono::{SecondsFormat, Utc};
use futures_util::stream;
use serde::Serialize;
use service::me::{self, Position};
use service::{Caller, Db};
use utoipa::ToSchema;

use crate::error::Error;
use crate::extract::NoQuery;
use crate::routes::tasks::wire::Task;

/// All that is stored of a user.
#[derive(Serialize, ToSchema)]
pub struct Export {
    /// Whose it is: the `sub` of the token.
    user_id: String,
    /// When the export began (RFC 3339, UTC).
    #[schema(format = DateTime)]
    exported_at: String,
    /// Every task, newest first.
    tasks: Vec<Task>,
}

/// Export all that is stored of you
///
/// As one JSON document, streamed: it may be large. It is whole when it ends as JSON does; a connection that breaks before
/// that leaves it cut.
#[utoipa::path(get, path = "/api/me/export", tag = "me", responses((status = 200, description = "All that is stored of you",
    body = Export, headers(("Content-Disposition" = String, description = "A name for the file")),
    example = json!({"user_id": "alice", "exported_at": "2026-01-31T09:30:00.000000Z", "tasks": []}))))]
pub async fn export_me(db: Data<Db>, caller: ReqData<Caller>, _: NoQuery) -> Result<HttpResponse, Error> {
    let caller = caller.into_inner();
    // The first page is fetched before the answer begins, so that an outage is 503 and not a document that is cut.
    let (tasks, next) = me::export(&db, &caller, None).await?;
    let begin = chunk(&opening(&caller), tasks, next);
    let pages = stream::try_unfold(next, move |position| {
        let (db, caller) = (db.clone(), caller.clone());
        async move {
            let Some(position) = position else { return Ok::<_, Error>(None) };
            let (tasks, next) = me::export(&db, &caller, Some(position)).await?;
            // The last page is empty where the one before it was full.
            let before = if tasks.is_empty() { "" } else { "," };
            Ok(Some((chunk(before, tasks, next), next)))
        }
    });
    let body = futures_util::StreamExt::chain(stream::iter([Ok(begin)]), pages);
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("Content-Disposition", "attachment; filename=\"tasks.json\""))
        .streaming(body))
}

/// The document up to its first task.
fn opening(caller: &Caller) -> String {
    let exported_at = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let user_id = serde_json::Value::from(caller.user_id().as_str());
    format!(r#"{{"user_id":{user_id},"exported_at":"{exported_at}","tasks":["#)
}

/// One page of tasks, with what stands before it and, after the last one, what closes the document.
fn chunk(before: &str, tasks: Vec<service::tasks::Task>, next: Option<Position>) -> Bytes {
    // Texts, numbers and times: they cannot fail to serialize.
    let json = |task| serde_json::to_string(&Task::from(task)).unwrap_or_default();
    let tasks: Vec<String> = tasks.into_iter().map(json).collect();
    let after = if next.is_none() { "]}" } else { "" };
    format!("{before}{}{after}", tasks.join(",")).into()
}
