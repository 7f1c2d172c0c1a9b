use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, serve};

use super::openapi;
use crate::error::Error;
use crate::json::JSON;

static SWAGGER_UI: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("../openapi.json")
        .use_base_layout()
        .try_it_out_enabled(true)
        .display_operation_id(true)
        .persist_authorization(true)
        // Turns off the public validator, so that the page sends nothing to other servers.
        .validator_url("none");
    Arc::new(config)
});

/// The Content-Security-Policy of the pages. It allows what Swagger UI needs: files of this server, and the page's own styles
/// and small pictures.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// Serves the OpenAPI document.
pub(super) async fn document() -> HttpResponse {
    static DOCUMENT: LazyLock<web::Bytes> = LazyLock::new(|| openapi::json().into());
    HttpResponse::Ok().insert_header(JSON).body(web::Bytes::clone(&DOCUMENT))
}

/// Redirects `/docs` to `/docs/`, where the page's relative links work.
pub(super) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

/// Serves the files of Swagger UI, which are compiled into this program.
pub(super) async fn swagger_ui(file: web::Path<String>) -> Result<HttpResponse, Error> {
    let found = serve(&file, Arc::clone(&SWAGGER_UI)).map_err(|error| Error::Internal(error.to_string()))?;
    let file = found.ok_or(Error::NoRoute)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY));
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(response.content_type(file.content_type).body(bytes))
}
