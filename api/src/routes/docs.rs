use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::serve;

use super::openapi;
use crate::error::Error;
use crate::json::JSON;

/// Returns the type and the text of a file of the documentation that is not one of Swagger UI's distribution, or that replaces
/// one.
fn own_file(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "" | "index.html" => ("text/html; charset=utf-8", include_str!("docs/index.html")),
        "index.css" => ("text/css; charset=utf-8", include_str!("docs/index.css")),
        "swagger-initializer.js" => ("text/javascript; charset=utf-8", include_str!("docs/swagger-initializer.js")),
        // As plain text, because some browsers do not show Markdown but offer to save it.
        "quickstart.md" => ("text/plain; charset=utf-8", include_str!("../../../docs/quickstart.md")),
        _ => return None,
    })
}

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

/// Redirects `/` to `/docs`. Not permanently: browsers would remember it for a server without documentation.
pub(super) async fn start_page() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, "docs")).finish()
}

/// Redirects `/docs` to `/docs/`, where the page's relative links work.
pub(super) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

/// Serves the page, and the files of Swagger UI. All of them are compiled into this program.
pub(super) async fn swagger_ui(name: web::Path<String>) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY));
    if let Some((content_type, text)) = own_file(&name) {
        return Ok(response.content_type(content_type).body(text));
    }
    // The library only uses its configuration for a file that is replaced above.
    let found = serve(&name, Arc::default()).map_err(|error| Error::Internal(error.to_string()))?;
    let file = found.ok_or(Error::NoRoute)?;
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(response.content_type(file.content_type).body(bytes))
}
