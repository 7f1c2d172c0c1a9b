use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN,
};

/// Which pages may call us from a browser, and what they may send and read.
pub(crate) fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS])
        .allowed_headers([
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-modified-since",
            "if-none-match",
            "if-unmodified-since",
            "prefer",
            "x-request-id",
        ])
        .expose_headers([
            "location",
            "link",
            "etag",
            "preference-applied",
            "retry-after",
            "www-authenticate",
            "x-request-id",
            "x-total-count",
        ])
        .supports_credentials()
        // Another origin's request is answered without the headers: its browser then keeps the answer from the page.
        .block_on_origin_mismatch(false)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// Before the library: a request without an origin is never a preflight.
pub(crate) fn forget_preflights_of_nobody(headers: &mut HeaderMap) {
    if !headers.contains_key(ORIGIN) {
        headers.remove(ACCESS_CONTROL_REQUEST_METHOD);
    }
}

/// After the library: origins that are not allowed, as clients that are no page, are told nothing.
pub(crate) fn be_silent_to_others(headers: &mut HeaderMap) {
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    }
}
