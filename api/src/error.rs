//! The only place where a failure becomes a status and a body.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Rejection;

/// What every error answer looks like.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error, example = json!({"detail": "Task not found", "code": "task_not_found"}))]
pub struct ErrorBody<'a> {
    /// One sentence that can be shown to people.
    pub detail: Cow<'a, str>,
    /// A name that programs can rely on: it never changes.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]*$")]
    pub code: &'static str,
    /// Only where the server failed: what to quote when asking for help. The same as the header `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<&'a str>,
}

/// Why a request is not answered as it hoped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody, or nobody that we can verify, is asking.
    #[error(transparent)]
    Unauthenticated(#[from] Rejection),
    /// There is no key to judge the token by: the key server cannot be reached.
    #[error("no keys to judge tokens by")]
    KeysUnavailable,
    /// The path is under another user's name.
    #[error("the path names another user")]
    ForeignPath,
    /// Too many requests of one user; the seconds after which the next one is welcome.
    #[error("over the rate limit")]
    RateLimited {
        /// Seconds to wait, at least 1.
        retry_after: u64,
    },
    /// The request is well-formed HTTP and not what the operation takes.
    #[error("{detail}")]
    Invalid {
        /// One sentence that names the field.
        detail: String,
        /// What kind of mistake it is.
        code: &'static str,
    },
    /// The body says that it is something else than JSON.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// The body is larger than [`crate::extract::MAX_BODY_BYTES`].
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the body is late")]
    BodyLate,
    /// Nothing lives at this path.
    #[error("no such route")]
    NoRoute,
    /// Something lives at this path, and does not do this.
    #[error("no such method here")]
    NoMethod {
        /// What it does: the value of `Allow`.
        allow: HeaderValue,
    },
    /// The request was valid, and could not be fulfilled.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// A defect of this program: a handler panicked, or was not given what it needs.
    #[error("defect: {0}")]
    Internal(String),
}

/// What clients are told of one kind of failure; the OpenAPI document shows the same.
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: &'static str,
}

const fn kind(status: StatusCode, code: &'static str, detail: &'static str) -> Kind {
    Kind { status, code, detail }
}

pub(crate) const FOREIGN_PATH: Kind = kind(StatusCode::FORBIDDEN, "not_your_path", "This path belongs to another user");
pub(crate) const NOT_OWNER: Kind = kind(StatusCode::FORBIDDEN, "not_owner", "You do not own this task");
pub(crate) const NO_TASK: Kind = kind(StatusCode::NOT_FOUND, "task_not_found", "Task not found");
pub(crate) const NO_ROUTE: Kind = kind(StatusCode::NOT_FOUND, "route_not_found", "There is nothing at this address");
pub(crate) const NO_METHOD: Kind =
    kind(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method");
pub(crate) const TOO_LARGE: Kind =
    kind(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body must be at most 64 KiB large");
pub(crate) const LATE: Kind = kind(StatusCode::REQUEST_TIMEOUT, "body_late", "The body took too long to arrive");
pub(crate) const RATE_LIMITED: Kind =
    kind(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests, please slow down");
pub(crate) const INTERNAL: Kind =
    kind(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong in the server");
pub(crate) const NO_DATABASE: Kind = kind(
    StatusCode::SERVICE_UNAVAILABLE,
    "database_unavailable",
    "The tasks cannot be reached at the moment, please try again",
);
const INVALID_CURSOR: Kind = kind(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_cursor",
    "cursor is not one of this list's: start again without it",
);
const NO_KEYS: Kind = kind(
    StatusCode::SERVICE_UNAVAILABLE,
    "key_server_unavailable",
    "Sign-ins cannot be checked at the moment, please try again",
);
const CORS_REFUSED: Kind = kind(
    StatusCode::BAD_REQUEST,
    "cors_refused",
    "Pages of this origin may not send this method or these headers: see CORS_ALLOWED_ORIGINS",
);

/// Seconds after which to try again when the database or the key server could not be reached.
const RETRY_AFTER_OUTAGE: u64 = 2;

impl Error {
    /// A body, a path or a query that is not what the operation takes.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into(), code }
    }

    fn told(&self) -> (StatusCode, &'static str, Cow<'_, str>) {
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
            Self::BodyTooLarge => TOO_LARGE,
            Self::BodyLate => LATE,
            Self::NoRoute => NO_ROUTE,
            Self::NoMethod { .. } => NO_METHOD,
            Self::Service(service::Error::NotFound) => NO_TASK,
            Self::Service(service::Error::NotOwner) => NOT_OWNER,
            Self::Service(service::Error::InvalidCursor) => INVALID_CURSOR,
            Self::Service(service::Error::Unavailable(_)) => NO_DATABASE,
            Self::Service(service::Error::Database(_)) | Self::Internal(_) => INTERNAL,
        };
        (kind.status, kind.code, Cow::Borrowed(kind.detail))
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.told().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, detail) = self.told();
        let mut response = HttpResponseBuilder::new(status);
        match self {
            Self::Unauthenticated(rejection) => {
                response.insert_header((header::WWW_AUTHENTICATE, rejection.challenge()));
            }
            Self::RateLimited { retry_after } => {
                response.insert_header((header::RETRY_AFTER, *retry_after));
            }
            Self::KeysUnavailable | Self::Service(service::Error::Unavailable(_)) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_OUTAGE));
            }
            Self::NoMethod { allow } => {
                response.insert_header((header::ALLOW, allow));
            }
            Self::BodyTooLarge | Self::BodyLate => {
                // What is left of the body is not read, so the connection cannot go on.
                response.force_close();
            }
            _ => {}
        }
        response.json(ErrorBody { detail, code, request_id: None })
    }
}

/// The body for an error answer that did not come from [`Error`]: the framework's own, or one of its libraries'.
#[must_use]
pub fn body_for(status: StatusCode, request_id: &str) -> String {
    let is_fault = status.is_server_error();
    let (code, detail) = match status {
        StatusCode::BAD_REQUEST => (CORS_REFUSED.code, CORS_REFUSED.detail),
        _ if is_fault => (INTERNAL.code, INTERNAL.detail),
        _ => ("bad_request", status.canonical_reason().unwrap_or("The request is not valid")),
    };
    let body = ErrorBody { detail: Cow::Borrowed(detail), code, request_id: is_fault.then_some(request_id) };
    serde_json::to_string(&body).unwrap_or_default()
}
