//! Refusals in the form of JSON-RPC 2.0 (section 5.1).

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use serde_json::json;

use crate::error::Error;

/// The text is not JSON.
const PARSE_ERROR: i32 = -32700;
/// The message is not a request of the protocol.
const INVALID_REQUEST: i32 = -32600;

/// Makes the error for a body that is not JSON.
pub(super) fn not_json(problem: &serde_json::Error) -> Error {
    let place = format!("line {} column {}", problem.line(), problem.column());
    refusal(StatusCode::BAD_REQUEST, PARSE_ERROR, &format!("The body is not valid JSON: see {place}"))
}

/// Makes the error for a message that the protocol does not know.
pub(super) fn invalid(problem: &str) -> Error {
    refusal(StatusCode::BAD_REQUEST, INVALID_REQUEST, problem)
}

/// Makes the error for a refusal that the library answers with a text, or with nothing. `message` is the body of the request.
pub(super) fn of_text(status: StatusCode, text: &[u8], message: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text);
    let text = match (status, text.trim()) {
        // With the right Content-Type, it is the message that is refused.
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, text) if !text.contains("Content-Type") => {
            let unknown = || invalid("The body is not a message of the Model Context Protocol");
            return super::message::called_tool(message).err().unwrap_or_else(unknown);
        }
        (status, "") => Cow::Borrowed(status.canonical_reason().unwrap_or("The request is not valid")),
        (_, text) => Cow::Owned(text.to_owned()),
    };
    refusal(status, INVALID_REQUEST, &text)
}

/// Makes the error of a refusal that has a body of JSON already.
pub(super) fn of_json(status: StatusCode, body: Bytes) -> Error {
    Error::Protocol { status, body }
}

fn refusal(status: StatusCode, code: i32, message: &str) -> Error {
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": message } });
    of_json(status, body.to_string().into())
}
