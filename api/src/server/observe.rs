use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;
use futures_util::FutureExt;
use uuid::Uuid;

use super::connections::{self, InFlight};
use super::stream_errors::log_errors;
use super::{State, cors, headers, request_log};
use crate::error::{self, Error};

/// Identifies a request in its response and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost layer. Adds the request id and the headers of every response, logs one line, and gives the error responses of
/// libraries the contract's shape. It is one layer, because each layer costs every request some allocations.
pub(super) async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let in_flight = InFlight::begin(&mut request);
    let id = request_id(&request);
    cors::drop_preflight_mark_without_origin(request.headers_mut());
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = log_errors(shape(response, &id), &id);
    let headers = response.headers_mut();
    cors::add_page_headers(headers);
    headers::secure(headers);
    headers.insert(REQUEST_ID, id.clone());
    record(&response, started.elapsed(), &id);
    Ok(response.map_body(|_, body| connections::deliver(body, in_flight)))
}

/// Runs an operation. A panic becomes a 500 response instead of a broken connection.
pub async fn catch_panic(
    request: ServiceRequest,
    operation: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<BoxBody>, actix_web::Error>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    // The request can only be cloned after routing, because the router must be its only owner.
    let http_request = request.request().clone();
    match AssertUnwindSafe(operation(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Ok(ServiceResponse::from_err(Error::Internal(format!("a panic: {message}")), http_request))
        }
    }
}

/// Returns the client's own id if it is safe to log, or else a new one.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let sent = request.headers().get(REQUEST_ID).filter(|id| {
        let id = id.as_bytes();
        (1..=128).contains(&id.len()) && id.iter().all(is_plain)
    });
    sent.cloned().unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        // The id is ASCII, so this cannot fail.
        HeaderValue::from_str(Uuid::now_v7().simple().encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// Gives an error response the contract's body if it has none, and a 500 the request id.
fn shape(response: ServiceResponse<BoxBody>, id: &HeaderValue) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let has_body = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    // The body of a 500 is always built here, because only here the id is known.
    let is_fault = status == actix_web::http::StatusCode::INTERNAL_SERVER_ERROR;
    if has_body && !is_fault {
        return response;
    }
    let body = error::body_for(status, id.to_str().unwrap_or_default());
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Counts and logs a response. Skips building the route's template if neither is turned on.
fn record(response: &ServiceResponse<BoxBody>, took: Duration, id: &HeaderValue) {
    let state = response.request().app_data::<web::Data<State>>();
    let metrics = state.and_then(|state| state.metrics.as_ref());
    let is_logged = log::log_enabled!(log::Level::Info) || response.status().is_server_error();
    if metrics.is_none() && !is_logged {
        return;
    }
    // The endpoint of agents belongs to a library, and has a pattern without a name. A pattern with a parameter is an unknown path.
    let pattern = response.request().match_name().is_none().then(|| response.request().match_pattern()).flatten();
    let pattern = pattern.filter(|pattern| !pattern.contains('{'));
    let route = response.request().match_name().or(pattern.as_deref()).unwrap_or("-");
    if let Some(metrics) = metrics {
        metrics.request(response.request().method(), route, response.status().as_u16(), took);
        if let Some(code) = error::code_of_response(response.response()) {
            metrics.error(code);
        }
    }
    if is_logged {
        request_log::write(response, route, took, id);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, test, web};

    use super::*;
    use crate::config::AllowedOrigins;

    #[actix_web::test]
    async fn a_panic_is_a_500_in_the_contracts_shape_readable_by_pages_and_the_next_request_is_served() {
        async fn handler(path: web::Path<String>) -> HttpResponse {
            assert!(*path != "panic", "a defect with details");
            HttpResponse::Ok().finish()
        }
        async fn caught(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
            catch_panic(request, async |request| next.call(request).await).await
        }
        let app = App::new()
            .service(web::resource("/{path}").route(web::get().to(handler).wrap(from_fn(caught))))
            .wrap(cors::cors(&AllowedOrigins::Listed(vec!["http://page.example".to_owned()])))
            .wrap(from_fn(observe));
        let app = test::init_service(app).await;
        let get = |path| test::TestRequest::get().uri(path).insert_header((ORIGIN, "http://page.example")).to_request();

        let answer = test::call_service(&app, get("/panic")).await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "http://page.example");
        let id = answer.headers().get(REQUEST_ID).unwrap().to_str().unwrap().to_owned();
        let body: serde_json::Value = test::read_body_json(answer).await;
        let expected = serde_json::json!({
            "detail": "Something went wrong in the server", "message": "Something went wrong in the server",
            "code": "internal_error", "request_id": id
        });
        assert_eq!(body, expected);
        assert_eq!(test::call_service(&app, get("/fine")).await.status(), 200);
    }
}
