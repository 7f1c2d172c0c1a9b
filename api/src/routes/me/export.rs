use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use service::tasks::{self, ListQuery};
use service::{Caller, Db};
use utoipa::ToSchema;

use crate::error::Error;
use crate::extract::NoQuery;
use crate::json::task::Task;
use crate::routes::stream::array;
use crate::server::headers::JSON;

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
    let (query, caller) = (ListQuery::default(), caller.into_inner());
    // The first page is fetched before the answer begins, so that an outage is 503 and not a document that is cut.
    let first = tasks::list(&db, &caller, &query, query.page_size(), None).await?;
    let body = array(db, caller.clone(), query, first, opening(&caller), "}");
    Ok(HttpResponse::Ok()
        .insert_header(JSON)
        .insert_header(("Content-Disposition", "attachment; filename=\"tasks.json\""))
        .streaming(body))
}

/// The document up to its tasks.
fn opening(caller: &Caller) -> String {
    let exported_at = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let user_id = serde_json::Value::from(caller.user_id().as_str());
    format!(r#"{{"user_id":{user_id},"exported_at":"{exported_at}","tasks":"#)
}
