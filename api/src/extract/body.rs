use std::fmt::Display;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::time::timeout;

use super::prefer::Prefer;
use super::read::{self, Input, Part};
use super::request_key;
use crate::compat::{self, Forms, TaskBody};
use crate::config::TaskAliases;
use crate::error::{Code, Error, FieldCode, FieldError};

/// The largest body that is read, in bytes. It holds the longest title and description several times, even fully escaped.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive, so that a slow client does not keep a request open.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The checked body of a `T`, a JSON object. Unknown fields are ignored, and the forms that front ends send are read as the
/// contract's. Both are refused with `Prefer: handling=strict`.
#[derive(Debug)]
pub struct Body<T: Input>(pub T::Checked);

/// Like [`Body`], for operations whose body is optional. No body, an empty one and `null` are the default. The body is read
/// as JSON whatever its Content-Type is.
#[derive(Debug)]
pub struct OptionalBody<T: Input>(pub T::Checked);

impl<T: Input + TaskBody> FromRequest for Body<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let head = check_media_type(request.headers());
        let handling = Handling::of::<T>(request);
        let body = read(request, payload);
        async move {
            head?;
            parse::<T>(&body.await?, handling).map(Self)
        }
        .boxed_local()
    }
}

impl<T> FromRequest for OptionalBody<T>
where
    T: Input + TaskBody,
    T::Checked: Default,
{
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let handling = Handling::of::<T>(request);
        let body = read(request, payload);
        async move {
            let body = body.await?;
            match body.trim_ascii() {
                b"" | b"null" => Ok(Self(T::Checked::default())),
                _ => parse::<T>(&body, handling).map(Self),
            }
        }
        .boxed_local()
    }
}

/// How a body is read.
#[derive(Clone, Copy)]
enum Handling {
    /// Only in the contract's forms. Unknown fields are refused.
    Strict,
    /// Also in other forms. The aliases are those that answers have.
    Lenient(TaskAliases),
}

impl Handling {
    fn of<T: TaskBody>(request: &HttpRequest) -> Self {
        if Prefer::of(request.headers()).strict {
            return Self::Strict;
        }
        let aliases = || request.app_data().copied().unwrap_or_default();
        Self::Lenient(if T::FORMS == Forms::FieldsAndCompleted { aliases() } else { TaskAliases::default() })
    }
}

/// Checks the headers that describe the body. A Content-Type must be `application/json` or any `+json` (RFC 6839), in UTF-8
/// (RFC 8259, section 8.1). Without one, the body is assumed to be JSON. Compressed bodies are refused.
fn check_media_type(headers: &HeaderMap) -> Result<(), Error> {
    const NOT_JSON: Error = Error::UnsupportedMediaType("The body must be JSON: send Content-Type: application/json");
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Error::UnsupportedMediaType("The body must not be compressed: send no Content-Encoding"));
    }
    let Some(declared) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let declared = declared.to_str().map_err(|_| NOT_JSON)?.to_ascii_lowercase();
    let mut parts = declared.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    if media_type != "application/json" && !(media_type.contains('/') && media_type.ends_with("+json")) {
        return Err(NOT_JSON);
    }
    let other_charset = parts
        .filter_map(|parameter| parameter.strip_prefix("charset="))
        .any(|charset| !matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    if other_charset { Err(Error::UnsupportedMediaType("The body must be in UTF-8")) } else { Ok(()) }
}

/// Reads the body, at most [`MAX_BODY_BYTES`], with or without a Content-Length. If the request has a key, the body becomes a
/// part of its fingerprint.
pub(crate) fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Error>> + use<> {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let payload = web::Payload::from_request(request, payload).into_inner();
    let keyed = request_key::keyed(request);
    async move {
        if declared.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
            return Err(Error::BodyTooLarge);
        }
        let cut_short = || invalid_body(FieldCode::Malformed, "The body ended before it was complete");
        let payload = payload.map_err(|_| cut_short())?;
        match timeout(BODY_TIMEOUT, payload.to_bytes_limited(MAX_BODY_BYTES)).await {
            Ok(Ok(Ok(body))) => {
                request_key::keep_digest(keyed.as_ref(), &body);
                Ok(body)
            }
            Ok(Ok(Err(_))) => Err(cut_short()),
            Ok(Err(_)) => Err(Error::BodyTooLarge),
            Err(_) => Err(Error::BodyLate),
        }
    }
}

/// Makes the error for a body without fields.
fn invalid_body(code: FieldCode, detail: &'static str) -> Error {
    FieldError::new(Code::InvalidBody, "", code, detail).into()
}

fn not_json(problem: impl Display) -> Error {
    let detail = format!("The body is not valid JSON: {problem}");
    FieldError::new(Code::InvalidJson, "", FieldCode::Malformed, detail).into()
}

fn parse<T: Input + TaskBody>(body: &[u8], handling: Handling) -> Result<T::Checked, Error> {
    if body.is_empty() {
        return Err(invalid_body(FieldCode::Required, "The body is empty: a JSON object is required"));
    }
    let text = str::from_utf8(body).map_err(|_| not_json("it is not UTF-8"))?;
    let is_object = text.trim_ascii_start().starts_with('{');
    if is_object
        && let Handling::Lenient(_) = handling
        && !compat::needs_rewriting(text, T::FORMS)
        && let Ok(value) = serde_json::from_str::<T>(text)
        && let Ok(checked) = value.check(false)
    {
        return Ok(checked);
    }
    // The slow path, for errors, other forms and strict handling. Syntax errors come first, so that the errors below can name a
    // field.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(not_json)?;
    if !is_object {
        // serde would read the elements of an array as the fields in order.
        return Err(invalid_body(FieldCode::WrongType, "The body must be a JSON object"));
    }
    match handling {
        Handling::Strict => read::read::<T>(text, Part::Body, true),
        Handling::Lenient(aliases) => {
            let rewritten = compat::rewrite(text, T::FORMS, aliases);
            read::read::<T>(rewritten.as_deref().unwrap_or(text), Part::Body, false)
        }
    }
}
