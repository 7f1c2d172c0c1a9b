use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, serve};

use super::openapi;
use crate::error::Error;
use crate::server::headers;

static SWAGGER_UI: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("../openapi.json")
        .use_base_layout()
        .try_it_out_enabled(true)
        .display_operation_id(true)
        .persist_authorization(true)
        // Not the validator on the web: nothing of this page leaves this server.
        .validator_url("none");
    Arc::new(config)
});

/// The OpenAPI document.
pub(super) async fn document() -> HttpResponse {
    static JSON: LazyLock<web::Bytes> = LazyLock::new(|| openapi::json().into());
    HttpResponse::Ok().insert_header(headers::JSON).body(web::Bytes::clone(&JSON))
}

/// `/docs` → `/docs/`, where the page's relative links work.
pub(super) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

/// The files of Swagger UI, which are part of this program.
pub(super) async fn swagger_ui(file: web::Path<String>) -> Result<HttpResponse, Error> {
    let found = serve(&file, Arc::clone(&SWAGGER_UI)).map_err(|error| Error::Internal(error.to_string()))?;
    let file = found.ok_or(Error::NoRoute)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_SECURITY_POLICY, headers::OF_PAGES));
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(response.content_type(file.content_type).body(bytes))
}
