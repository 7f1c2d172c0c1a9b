use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::json;
use service::Db;

use crate::server::readiness::Readiness;

/// The process is there.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Requests can be sent here: the database answers, its schema is the one that this server knows, and nobody has told the
/// server to stop.
pub(super) async fn ready(db: Data<Db>, readiness: Data<Readiness>) -> HttpResponse {
    let problem = readiness.problem(&db).await;
    let status = if problem.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(match problem {
        None => json!({ "status": "ok" }),
        Some((code, detail)) => json!({ "detail": detail, "code": code }),
    })
}
