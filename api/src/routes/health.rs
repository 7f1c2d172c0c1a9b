use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;
use service::recurrence::Zone;

use crate::error::Error;
use crate::server::{NotReady, State};

/// Answers 200 as long as the process runs.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Answers 200 with the release of the time zone database if requests should be sent to this server, and 503 with the reason if not.
/// It answers from memory, so it is fast under any load.
pub(super) async fn ready(state: Data<State>) -> Result<HttpResponse, Error> {
    match state.readiness.check() {
        Ok(()) => Ok(HttpResponse::Ok().json(json!({ "status": "ok", "time_zones": Zone::DATABASE }))),
        Err(NotReady { code, detail }) => Err(Error::NotReady { code, detail }),
    }
}
