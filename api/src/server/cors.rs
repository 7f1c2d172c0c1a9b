use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
};

/// What pages may read of an answer, beside what any page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "location, link, etag, preference-applied, retry-after, www-authenticate, x-request-id, x-total-count",
);

/// Which pages may call us from a browser, and what they may send; the rest is told by [`tell_pages`].
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
        // Another origin's request is answered without the headers: its browser then keeps the answer from the page.
        .block_on_origin_mismatch(false)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// Before the library: a request without an origin is never a preflight.
pub(crate) fn forget_preflights_of_nobody(headers: &mut HeaderMap) {
    if headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) && !headers.contains_key(ORIGIN) {
        headers.remove(ACCESS_CONTROL_REQUEST_METHOD);
    }
}

/// After the library, which would tell everybody: only a page of an allowed origin learns that it may send credentials, and what
/// it may read.
pub(crate) fn tell_pages(headers: &mut HeaderMap) {
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
