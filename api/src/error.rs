//! The only place where a failure becomes a status and a body.
//!
//! Which error to use: [`Error::invalid`] if the operation does not accept the request. A variant of `service::Error`, with
//! `?`, for the outcome of an operation. [`Error::Internal`] for a defect of this program: its text is only logged. A failure
//! that clients must tell apart gets a variant here and an `ErrorKind` with its own `code`.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{AuthError, Rejection};

/// An error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error, example = json!({"detail": "Task not found", "message": "Task not found", "code": "task_not_found"}))]
pub struct ErrorBody<'a> {
    /// One sentence that can be shown to people.
    pub detail: &'a str,
    /// The same sentence as `detail`, under the name that many clients look for.
    pub message: &'a str,
    /// A stable name for programs. It never changes.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]*$")]
    pub code: &'static str,
    /// The same as the header `X-Request-Id`, to quote when asking for help. Only present if the server failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    /// Makes the body of an error.
    #[must_use]
    pub fn new(detail: &'a str, code: &'static str, request_id: Option<&'a str>) -> Self {
        Self { detail, message: detail, code, request_id }
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is missing or was refused.
    #[error(transparent)]
    Unauthenticated(Rejection),
    /// The token cannot be verified, because the key server cannot be reached.
    #[error("no keys to verify the token with")]
    KeysUnavailable,
    /// The path names another user than the caller.
    #[error("the path names another user")]
    ForeignPath,
    /// The user or the client address has sent too many requests.
    #[error("over the rate limit")]
    RateLimited {
        /// Seconds until the next request is accepted, at least 1.
        retry_after: u64,
    },
    /// Large requests have taken all that is meant for them.
    #[error("too many large requests")]
    Busy,
    /// The operation does not accept the body, the path or the query.
    #[error("{detail}")]
    Invalid {
        /// One sentence that names the field.
        detail: String,
        /// The error's `code`.
        code: &'static str,
    },
    /// The headers declare a body that is not JSON in UTF-8, or is compressed.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// The body is larger than 64 KiB.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the body is late")]
    BodyLate,
    /// The path is not in the map.
    #[error("no such route")]
    NoRoute,
    /// The path is in the map, but not with this method.
    #[error("no such method at this path")]
    NoMethod {
        /// The methods of the path: the value of `Allow`.
        allow: HeaderValue,
    },
    /// The request was valid, but the operation failed.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// A defect of this program, such as a panic. The text is logged and not shown to clients.
    #[error("defect: {0}")]
    Internal(String),
}

/// The status, code and sentence of one kind of failure. The OpenAPI document uses them as examples.
pub(crate) struct ErrorKind {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: &'static str,
}

const fn kind(status: StatusCode, code: &'static str, detail: &'static str) -> ErrorKind {
    ErrorKind { status, code, detail }
}

pub(crate) const FOREIGN_PATH: ErrorKind =
    kind(StatusCode::FORBIDDEN, "not_your_path", "This path belongs to another user");
pub(crate) const NOT_OWNER: ErrorKind = kind(StatusCode::FORBIDDEN, "not_owner", "You do not own this task");
pub(crate) const NO_TASK: ErrorKind = kind(StatusCode::NOT_FOUND, "task_not_found", "Task not found");
pub(crate) const NO_ROUTE: ErrorKind =
    kind(StatusCode::NOT_FOUND, "route_not_found", "There is nothing at this address");
pub(crate) const NO_METHOD: ErrorKind =
    kind(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method");
pub(crate) const TOO_LARGE: ErrorKind =
    kind(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body must be at most 64 KiB large");
pub(crate) const LATE: ErrorKind = kind(StatusCode::REQUEST_TIMEOUT, "body_late", "The body took too long to arrive");
pub(crate) const RATE_LIMITED: ErrorKind =
    kind(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests, please slow down");
const BUSY: ErrorKind =
    kind(StatusCode::TOO_MANY_REQUESTS, "busy", "The server is busy with large requests, please try again in a moment");
pub(crate) const INTERNAL: ErrorKind =
    kind(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong in the server");
pub(crate) const NO_DATABASE: ErrorKind = kind(
    StatusCode::SERVICE_UNAVAILABLE,
    "database_unavailable",
    "The tasks cannot be reached at the moment, please try again",
);
const INVALID_CURSOR: ErrorKind = kind(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_cursor",
    "cursor is not one of this list's: start again without it",
);
const LIMIT_REQUIRED: ErrorKind = kind(
    StatusCode::UNPROCESSABLE_ENTITY,
    "limit_required",
    "limit is required for a list of so many tasks in this order",
);
const NO_KEYS: ErrorKind = kind(
    StatusCode::SERVICE_UNAVAILABLE,
    "key_server_unavailable",
    "Sign-ins cannot be checked at the moment, please try again",
);
const CORS_REFUSED: ErrorKind = kind(
    StatusCode::BAD_REQUEST,
    "cors_refused",
    "Pages of this origin may not send this method or these headers: see CORS_ALLOWED_ORIGINS",
);

/// The value of `Retry-After` in seconds, if the server is busy.
const RETRY_AFTER_BUSY: u64 = 1;
/// The value of `Retry-After` in seconds, if the database or the key server cannot be reached.
const RETRY_AFTER_OUTAGE: u64 = 2;

impl Error {
    /// Makes the error for a body, a path or a query that the operation does not accept. `detail` is one sentence that names
    /// the field.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into(), code }
    }

    fn describe(&self) -> (StatusCode, &'static str, Cow<'_, str>) {
        let kind = match self {
            Self::Unauthenticated(rejection) => {
                return (StatusCode::UNAUTHORIZED, rejection.code(), Cow::Owned(rejection.to_string()));
            }
            Self::Invalid { detail, code } => return (StatusCode::UNPROCESSABLE_ENTITY, *code, Cow::Borrowed(detail)),
            Self::UnsupportedMediaType(detail) => {
                return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", Cow::Borrowed(*detail));
            }
            Self::KeysUnavailable => NO_KEYS,
            Self::ForeignPath => FOREIGN_PATH,
            Self::RateLimited { .. } => RATE_LIMITED,
            Self::Busy | Self::Service(service::Error::Busy) => BUSY,
            Self::BodyTooLarge => TOO_LARGE,
            Self::BodyLate => LATE,
            Self::NoRoute => NO_ROUTE,
            Self::NoMethod { .. } => NO_METHOD,
            Self::Service(service::Error::NotFound) => NO_TASK,
            Self::Service(service::Error::NotOwner) => NOT_OWNER,
            Self::Service(service::Error::InvalidCursor) => INVALID_CURSOR,
            Self::Service(service::Error::TooLongToSort) => LIMIT_REQUIRED,
            Self::Service(service::Error::Unavailable(_)) => NO_DATABASE,
            Self::Service(service::Error::Database(_)) | Self::Internal(_) => INTERNAL,
        };
        (kind.status, kind.code, Cow::Borrowed(kind.detail))
    }
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Rejected(rejection) => Self::Unauthenticated(rejection),
            AuthError::KeysUnavailable => Self::KeysUnavailable,
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.describe().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, detail) = self.describe();
        let mut response = HttpResponseBuilder::new(status);
        match self {
            Self::Unauthenticated(rejection) => {
                response.insert_header((header::WWW_AUTHENTICATE, rejection.challenge()));
            }
            Self::RateLimited { retry_after } => {
                response.insert_header((header::RETRY_AFTER, *retry_after));
            }
            Self::Busy => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_BUSY));
                // A client that does not read its answers would keep this connection, too.
                response.force_close();
            }
            Self::Service(service::Error::Busy) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_BUSY));
            }
            Self::KeysUnavailable | Self::Service(service::Error::Unavailable(_)) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_OUTAGE));
            }
            Self::NoMethod { allow } => {
                response.insert_header((header::ALLOW, allow));
            }
            Self::BodyTooLarge | Self::BodyLate => {
                // The rest of the body is not read, so the connection cannot be reused.
                response.force_close();
            }
            _ => {}
        }
        response.json(ErrorBody::new(&detail, code, None))
    }
}

/// Returns the body for an error response that was not made from an [`Error`], but by the framework or one of its libraries.
#[must_use]
pub fn body_for(status: StatusCode, request_id: &str) -> String {
    let is_fault = status.is_server_error();
    let (code, detail) = match status {
        StatusCode::BAD_REQUEST => (CORS_REFUSED.code, CORS_REFUSED.detail),
        _ if is_fault => (INTERNAL.code, INTERNAL.detail),
        _ => ("bad_request", status.canonical_reason().unwrap_or("The request is not valid")),
    };
    let body = ErrorBody::new(detail, code, is_fault.then_some(request_id));
    serde_json::to_string(&body).unwrap_or_default()
}
