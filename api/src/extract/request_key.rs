use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service::tasks::IdempotencyKey;

use crate::error::{Code, Error, FieldCode, FieldError};

/// The key of a request in `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07), if it has one.
#[derive(Debug)]
pub struct RequestKey(Option<Keyed>);

/// A request with a key.
#[derive(Debug)]
struct Keyed {
    key: String,
    request: HttpRequest,
}

/// The digest of the body of a request with a key. [`Body`](super::Body) puts it into the request's extensions.
struct BodyDigest(Digest);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of a response that repeats the one to an earlier request.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl RequestKey {
    /// Reads the key of a request.
    pub(super) fn read(request: &HttpRequest) -> Result<Self, Error> {
        if !request.headers().contains_key(IDEMPOTENCY_KEY) {
            return Ok(Self(None));
        }
        let keyed = |key| Self(Some(Keyed { key, request: request.clone() }));
        key(request.headers()).map(keyed).ok_or_else(|| {
            let problem = "Idempotency-Key must be 1 to 255 visible ASCII characters, for example a UUID";
            FieldError::new(Code::InvalidHeader, "Idempotency-Key", FieldCode::Invalid, problem).into()
        })
    }

    /// Returns the key with the fingerprint of the request: its operation, id, query, body and `If-Match`. `operation` is the
    /// same for all paths of an operation. All other arguments of the handler must have been read.
    pub(crate) fn of(self, operation: &str) -> Option<IdempotencyKey> {
        let Keyed { key, request } = self.0?;
        // The key was checked when it was read.
        IdempotencyKey::parse(&key, fingerprint(operation, &request)).ok()
    }
}

impl FromRequest for RequestKey {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request))
    }
}

/// Keeps the digest of a body for the fingerprint, if the request has a key.
pub(super) fn keep_digest(request: Option<&HttpRequest>, body: &Bytes) {
    if let Some(request) = request {
        request.extensions_mut().insert(BodyDigest(digest(&SHA256, body)));
    }
}

/// Returns the request if it has a key.
pub(super) fn keyed(request: &HttpRequest) -> Option<HttpRequest> {
    request.headers().contains_key(IDEMPOTENCY_KEY).then(|| request.clone())
}

/// Reads the one key of the headers. It can be in quotes, as the draft has it (a string of RFC 9651, section 3.3.3), or without.
fn key(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY);
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let text = line.to_str().ok()?.trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => text.to_owned(),
    };
    IdempotencyKey::parse(&key, String::new()).is_ok().then_some(key)
}

/// Returns the text before the closing quote, which must be the last character. A backslash precedes a quote or a backslash.
fn unquoted(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => text.push(other),
        }
    }
}

/// Returns what is the same only for the same request.
fn fingerprint(operation: &str, request: &HttpRequest) -> String {
    let mut context = Context::new(&SHA256);
    // The length before each part keeps parts apart.
    let mut add = |part: &[u8]| {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    };
    add(operation.as_bytes());
    add(request.match_info().get("id").unwrap_or_default().as_bytes());
    add(request.query_string().as_bytes());
    match request.extensions().get::<BodyDigest>() {
        Some(BodyDigest(body)) => add(body.as_ref()),
        None => add(digest(&SHA256, b"").as_ref()),
    }
    for line in request.headers().get_all(IF_MATCH) {
        add(line.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(context.finish())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn of(lines: &[&str]) -> Option<String> {
        let mut request = TestRequest::default();
        for line in lines {
            request = request.append_header((IDEMPOTENCY_KEY, *line));
        }
        key(request.to_http_request().headers())
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        let key = "8e03978e-40d5-43e8-bc93-6894a57f9324";
        assert_eq!(of(&[key]).as_deref(), Some(key));
        assert_eq!(of(&[&format!("\"{key}\"")]).as_deref(), Some(key));
        assert_eq!(of(&[r#""a\"b\\c""#]).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(of(&[r"a\b"]).as_deref(), Some(r"a\b"));
    }

    #[test]
    fn no_key_and_two_keys_and_other_characters_are_refused() {
        for refused in ["", "\"\"", "\"a", "\"a\"b", r#""a\b""#, r#""a\"#, "a b", "\"a b\"", &"k".repeat(256)] {
            assert_eq!(of(&[refused]), None, "{refused}");
        }
        assert_eq!(of(&["a", "a"]), None);
    }

    #[test]
    fn each_part_of_a_request_changes_its_fingerprint() {
        let request = |uri: &str, if_match: &str| {
            TestRequest::with_uri(uri).append_header((IF_MATCH, if_match)).to_http_request()
        };
        let first = fingerprint("update_task", &request("/t?a=1", "\"7\""));
        assert_eq!(fingerprint("update_task", &request("/other?a=1", "\"7\"")), first);
        let with_body = request("/t?a=1", "\"7\"");
        keep_digest(Some(&with_body), &Bytes::from_static(b"{}"));
        for other in [
            fingerprint("delete_task", &request("/t?a=1", "\"7\"")),
            fingerprint("update_task", &request("/t?a=2", "\"7\"")),
            fingerprint("update_task", &request("/t?a=1", "\"8\"")),
            fingerprint("update_task", &with_body),
        ] {
            assert_ne!(other, first);
        }
    }
}
