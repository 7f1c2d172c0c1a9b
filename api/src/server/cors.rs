use actix_cors::{Cors, CorsError};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
};

use crate::config::AllowedOrigins;

/// The response headers that pages may read, besides those that any page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "location, link, etag, idempotency-replayed, preference-applied, retry-after, www-authenticate, x-request-id, x-total-count",
);

/// The path of the description of `/mcp` (RFC 9728, section 3). It is followed by the path of the resource.
pub(crate) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// Returns the layer that answers preflights and marks the responses to allowed origins. [`add_page_headers`] adds the rest.
pub(super) fn cors(origins: &AllowedOrigins) -> Cors {
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
            "last-event-id",
            "mcp-method",
            "mcp-name",
            "mcp-protocol-version",
            "prefer",
            "x-request-id",
        ])
        // A request of another origin is answered without the headers. Its browser then hides the response from the page.
        .block_on_origin_mismatch(false)
        // The description of a resource is for every client (RFC 9728, section 3.1).
        .allowed_origin_fn(|_, request| request.uri.path().starts_with(RESOURCE_METADATA))
        .max_age(3600);
    match origins {
        AllowedOrigins::Listed(origins) => origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin)),
        AllowedOrigins::LocalPorts => {
            let origins = origins.clone();
            cors.allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| origins.contains(origin)))
        }
    }
}

/// Returns the origin of a preflight that was refused because of it.
pub(super) fn refused_origin<B>(response: &ServiceResponse<B>) -> Option<&HeaderValue> {
    let error = response.response().error()?.as_error::<CorsError>()?;
    matches!(error, CorsError::OriginNotAllowed).then(|| response.request().headers().get(ORIGIN)).flatten()
}

/// Removes the mark of a preflight from a request without an origin, which is not a preflight. Must run before [`cors`].
pub(super) fn drop_preflight_mark_without_origin(headers: &mut HeaderMap) {
    if headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) && !headers.contains_key(ORIGIN) {
        headers.remove(ACCESS_CONTROL_REQUEST_METHOD);
    }
}

/// Adds the headers for credentials and readable headers, if [`cors`] has found that the origin is allowed. The library would
/// add them to every response.
pub(super) fn add_page_headers(headers: &mut HeaderMap) {
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
