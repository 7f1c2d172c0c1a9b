//! The log line of a request.

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use super::cors;
use crate::error::{self, Code, Error, with_causes};

/// The maximum number of characters of a text of the client in a line, after escaping.
const MOST_CHARACTERS: usize = 100;

/// The maximum number of characters of a method in a line; longer ones are cut.
const LONGEST_METHOD: usize = 20;

/// Logs method, route template, status, duration and id. A client error is logged with its code, a 404 also with its path, and a
/// refused preflight with its origin: nothing else of the client. A server error is logged with its causes.
pub(super) fn write(response: &ServiceResponse<BoxBody>, route: &str, took: Duration, id: &HeaderValue) {
    let method = response.request().method().as_str();
    // Clients can invent methods, of ASCII letters, digits and signs.
    let method = method.get(..LONGEST_METHOD).unwrap_or(method);
    let status = response.status();
    let milliseconds = took.as_secs_f64() * 1000.0;
    let id = id.to_str().unwrap_or_default();
    let code = error::code_of_response(response.response()).map(Code::as_str);
    if status.is_server_error() {
        let causes = response.response().error().map_or_else(String::new, |error| match error.as_error::<Error>() {
            Some(error) => with_causes(error),
            None => error.to_string(),
        });
        log::error!(
            request_id = id, method = method, route = route, status = status.as_u16(), duration_ms = milliseconds, code = code;
            "{method} {route} {} {milliseconds:.3}ms {id} {causes}", status.as_u16()
        );
        return;
    }
    let path = (status == StatusCode::NOT_FOUND).then(|| path(response.request()));
    let origin = cors::refused_origin(response).map(|origin| shortened(&String::from_utf8_lossy(origin.as_bytes())));
    let details = Details { code, path: path.as_deref(), origin: origin.as_deref() };
    log::info!(
        request_id = id, method = method, route = route, status = status.as_u16(), duration_ms = milliseconds, code = code,
        path = path.as_deref(), origin = origin.as_deref();
        "{method} {route} {} {milliseconds:.3}ms {id}{details}", status.as_u16()
    );
}

/// Logs a call of a tool: its name, its outcome, and the client of the token. Nothing else of the call.
pub(super) fn write_tool_call(tool: &str, outcome: &str, client: Option<&str>) {
    let client = client.map_or_else(|| "-".to_owned(), shortened);
    log::info!(tool = tool, outcome = outcome, client = client.as_str(); "tool {tool} {outcome} client {client}");
}

/// Returns the path of a request, without its query.
fn path(request: &HttpRequest) -> String {
    shortened(request.uri().path())
}

/// Escapes a text of the client and cuts it, so that it can neither begin a new line nor fill the log.
fn shortened(text: &str) -> String {
    let mut escaped = text.escape_default();
    let mut shortened: String = escaped.by_ref().take(MOST_CHARACTERS).collect();
    if escaped.next().is_some() {
        shortened.push('…');
    }
    shortened
}

/// The end of the line of a client error.
struct Details<'a> {
    code: Option<&'a str>,
    path: Option<&'a str>,
    origin: Option<&'a str>,
}

impl fmt::Display for Details<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(formatter, " {code}")?;
        }
        if let Some(path) = self.path {
            write!(formatter, " {path}")?;
        }
        if let Some(origin) = self.origin {
            write!(formatter, ": CORS_ALLOWED_ORIGINS does not contain the origin {origin}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_client_is_escaped_and_cut() {
        assert_eq!(shortened("/api/a%20b"), "/api/a%20b");
        assert_eq!(shortened("/a\r\nERROR forged \u{1b}[31m ä"), r"/a\r\nERROR forged \u{1b}[31m \u{e4}");
        let hundred = "x".repeat(MOST_CHARACTERS);
        assert_eq!(shortened(&hundred), hundred);
        assert_eq!(shortened(&format!("{hundred}x")), format!("{hundred}…"));
    }
}
