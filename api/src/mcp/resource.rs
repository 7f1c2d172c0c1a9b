//! The description of the endpoint for clients that sign in with OAuth (RFC 9728).

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, Resource};
use serde_json::json;
use std::future::ready;
use url::Url;

use crate::auth::Scopes;
use crate::config::McpEndpoint;
use crate::error::Error;
use crate::json::JSON;
use crate::server::RESOURCE_METADATA;

/// The paths of the description: that of the resource `/mcp` (RFC 9728, section 3.1), and the one that clients try after it.
pub(super) const PATHS: [&str; 2] =
    ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"];

/// How long the description can be cached, in seconds.
const CACHED: HeaderValue = HeaderValue::from_static("max-age=3600");

/// The methods of the description.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Returns the resource of the description at one of [`PATHS`].
pub(super) fn description(path: &'static str, endpoint: &McpEndpoint) -> Resource {
    let body = document(endpoint);
    let answer =
        move || ready(HttpResponse::Ok().insert_header(JSON).insert_header((CACHE_CONTROL, CACHED)).body(body.clone()));
    let no_method = || ready(Err::<HttpResponse, _>(Error::NoMethod { allow: METHODS }));
    web::resource(path)
        .name(path)
        .route(web::get().to(answer.clone()))
        .route(web::head().to(answer))
        .route(
            web::method(Method::OPTIONS)
                .to(|| ready(HttpResponse::NoContent().insert_header((ALLOW, METHODS)).finish())),
        )
        .default_service(web::to(no_method))
}

/// Returns the description (RFC 9728, section 2).
fn document(endpoint: &McpEndpoint) -> Bytes {
    let mut document = json!({
        "resource": endpoint.resource.as_str(),
        "resource_name": "Tasks",
        "scopes_supported": [Scopes::READ, Scopes::WRITE],
        "bearer_methods_supported": ["header"],
    });
    if let Some(issuer) = &endpoint.issuer {
        document["authorization_servers"] = json!([issuer]);
    }
    document.to_string().into()
}

/// Returns the address of the description: its path is inserted before that of the resource (RFC 9728, section 3.1).
pub(super) fn address_of_description(resource: &Url) -> String {
    let mut address = resource.clone();
    let path = resource.path();
    address.set_path(&format!("{RESOURCE_METADATA}{}", if path == "/" { "" } else { path }));
    address.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_description_has_the_path_of_the_resource_at_its_end() {
        for (resource, description) in [
            ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"),
            ("https://a.example/tasks/mcp", "https://a.example/.well-known/oauth-protected-resource/tasks/mcp"),
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
        ] {
            assert_eq!(address_of_description(&resource.parse().unwrap()), description);
        }
    }
}
