//! The only place where a failure becomes a status and a body.
//!
//! Which error to use: a [`FieldError`], with `?`, if the operation does not accept the request. A variant of `service::Error`,
//! with `?`, for the outcome of an operation. [`Error::Internal`] for a defect of this program: its text is only logged. A
//! failure that clients must tell apart gets a [`Code`], a row in `docs/errors.md`, and a variant and an `ErrorKind` here.

mod codes;
mod field_error;

use std::borrow::Cow;
use std::fmt::Write;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::value::RawValue;
use service::live::NoPlace;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

use crate::auth::{AuthError, Rejection};
use crate::etag;

pub use codes::{Code, FieldCode};
pub use field_error::FieldError;

/// An error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error, example = json!({"detail": "Task not found", "message": "Task not found", "code": "task_not_found"}))]
pub struct ErrorBody<'a> {
    /// One sentence that can be shown to people.
    pub detail: &'a str,
    /// The same sentence as `detail`, under the name that many clients look for.
    pub message: &'a str,
    /// A stable name for programs. It never changes.
    pub code: Code,
    /// Every mistake of the body or the query, at most 20. Those of known names come first, in the order of the schema, and those
    /// of unknown names after them. `detail` is the sentence of the first one. Only present with status 422.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false, min_items = 1, max_items = 20)]
    pub errors: &'a [FieldError],
    /// The task as it is now. Only present with status 412, for a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = task, required = false)]
    pub current: Option<&'a RawValue>,
    /// The fields that could not be merged (`Prefer: merge=auto`), because they were changed since. Only present with status 412.
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1)]
    pub conflicts: &'a [&'static str],
    /// The same as the header `X-Request-Id`, to quote when asking for help. Only present if the server failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    /// Makes the body of an error.
    #[must_use]
    pub fn new(detail: &'a str, code: Code, request_id: Option<&'a str>) -> Self {
        Self { detail, message: detail, code, errors: &[], current: None, conflicts: &[], request_id }
    }

    /// Makes the body of an error with these mistakes. There must be at least one.
    #[must_use]
    pub fn of_mistakes(errors: &'a [FieldError]) -> Self {
        let (code, detail) =
            errors.first().map_or((INTERNAL.code, INTERNAL.detail), |first| (first.kind, &*first.detail));
        Self { errors, ..Self::new(detail, code, None) }
    }
}

/// The schema of a task, which is described with the other bodies.
fn task() -> Ref {
    Ref::from_schema_name("Task")
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
    /// The request of an agent names another host.
    #[error("the request names another host")]
    ForeignHost,
    /// The request of an agent comes from a page of another origin.
    #[error("the page has another origin")]
    ForeignOrigin,
    /// The access token does not allow the tool.
    #[error("the token does not allow this tool")]
    InsufficientScope,
    /// A request of an agent that the protocol does not allow. It is answered in the shape of JSON-RPC.
    #[error("the protocol does not allow this request")]
    Protocol {
        /// Any of 4xx.
        status: StatusCode,
        /// The answer, in JSON.
        body: Bytes,
    },
    /// The user or the client address has sent too many requests.
    #[error("over the rate limit")]
    RateLimited {
        /// Seconds until the next request is accepted, at least 1.
        retry_after: u64,
    },
    /// Large requests have taken all that is meant for them.
    #[error("too many large requests")]
    Busy,
    /// There is no place for another stream of events.
    #[error("no place for a stream of events: {0:?}")]
    NoPlace(NoPlace),
    /// The operation does not accept the body, the path or the query. There is at least one mistake, and at most
    /// [`FieldError::MOST`].
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
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
    /// The precondition of the request does not hold.
    #[error("it was changed since")]
    Stale {
        /// The current version of the task, or the current state of the list.
        version: i64,
        /// The JSON of the current task. `None` for a list.
        current: Option<Box<RawValue>>,
        /// The fields that could not be merged.
        conflicts: Vec<&'static str>,
    },
    /// The request was valid, but the operation failed.
    #[error(transparent)]
    Service(service::Error),
    /// Requests should be sent to another server, because this one is stopping or cannot use its database.
    #[error("not ready: {detail}")]
    NotReady {
        /// The reason, for programs.
        code: Code,
        /// The reason, for people.
        detail: &'static str,
    },
    /// A defect of this program, such as a panic. The text is logged and not shown to clients.
    #[error("defect: {0}")]
    Internal(String),
}

/// The code and the sentence of one kind of failure. The OpenAPI document uses them as examples.
pub(crate) struct ErrorKind {
    pub(crate) code: Code,
    pub(crate) detail: &'static str,
}

const fn kind(code: Code, detail: &'static str) -> ErrorKind {
    ErrorKind { code, detail }
}

pub(crate) const FOREIGN_PATH: ErrorKind = kind(Code::NotYourPath, "This path belongs to another user");
pub(crate) const NOT_OWNER: ErrorKind = kind(Code::NotOwner, "You do not own this task");
const FOREIGN_HOST: ErrorKind = kind(
    Code::HostRefused,
    "The Host of the request is not that of MCP_RESOURCE: correct MCP_RESOURCE, or let the proxy keep the Host",
);
const FOREIGN_ORIGIN: ErrorKind =
    kind(Code::OriginRefused, "Pages of this origin may not call /mcp: add the origin to CORS_ALLOWED_ORIGINS");
const INSUFFICIENT_SCOPE: ErrorKind = kind(
    Code::InsufficientScope,
    "The token does not allow this tool: sign in again with the scope of WWW-Authenticate",
);
pub(crate) const NO_TASK: ErrorKind = kind(Code::TaskNotFound, "Task not found");
pub(crate) const TOO_MANY_TASKS: ErrorKind =
    kind(Code::TaskLimitReached, "You have as many tasks as you may have: delete some, or ask for a higher limit");
pub(crate) const OCCURRENCE_EXISTS: ErrorKind =
    kind(Code::OccurrenceExists, "There is a task for this occurrence of the series already");
pub(crate) const NO_REMINDER: ErrorKind = kind(Code::ReminderNotFound, "The task has no reminder with this number");
pub(crate) const COMPLETED: ErrorKind =
    kind(Code::TaskCompleted, "The task is completed, so its reminders do not fire: reopen it first");
pub(crate) const STALE: ErrorKind = kind(
    Code::PreconditionFailed,
    "It was changed since the version in If-Match (build the tag from `version`: a tag that begins with W/ never matches)",
);
pub(crate) const RESYNC: ErrorKind =
    kind(Code::Resync, "The changes since this state are not known: load the whole list again and replace yours by it");
const NO_ROUTE: ErrorKind = kind(Code::RouteNotFound, "There is nothing at this address");
const NO_METHOD: ErrorKind = kind(Code::MethodNotAllowed, "This address does not take this method");
pub(crate) const TOO_LARGE: ErrorKind = kind(Code::BodyTooLarge, "The body must be at most 64 KiB large");
pub(crate) const LATE: ErrorKind = kind(Code::BodyLate, "The body took too long to arrive");
pub(crate) const RATE_LIMITED: ErrorKind = kind(Code::RateLimited, "Too many requests, please slow down");
const TOO_MANY_STREAMS: ErrorKind = kind(
    Code::TooManyStreams,
    "You have as many streams of events as you may have: end one, or share one between tabs",
);
const STREAMS_FULL: ErrorKind =
    kind(Code::StreamsFull, "This server has no place for another stream of events, please try again");
const STOPPING: ErrorKind = kind(Code::Stopping, "This server is about to stop, please try again");
const BUSY: ErrorKind = kind(Code::Busy, "The server is busy with large requests, please try again in a moment");
pub(crate) const INTERNAL: ErrorKind = kind(Code::InternalError, "Something went wrong in the server");
pub(crate) const NO_DATABASE: ErrorKind =
    kind(Code::DatabaseUnavailable, "The tasks cannot be reached at the moment, please try again");
const NO_KEYS: ErrorKind =
    kind(Code::KeyServerUnavailable, "Sign-ins cannot be checked at the moment, please try again");
const CORS_REFUSED: ErrorKind =
    kind(Code::CorsRefused, "Pages of this origin may not send this method or these headers: see CORS_ALLOWED_ORIGINS");

const INVALID_CURSOR: FieldError = FieldError {
    field: Cow::Borrowed("cursor"),
    code: FieldCode::Invalid,
    detail: Cow::Borrowed("cursor is not one of this list's: start again without it"),
    kind: Code::InvalidCursor,
};
const KEY_REUSED: FieldError = FieldError {
    field: Cow::Borrowed("Idempotency-Key"),
    code: FieldCode::Invalid,
    detail: Cow::Borrowed("Idempotency-Key was used for a different request: use a new key for each request"),
    kind: Code::IdempotencyKeyReused,
};
const LIMIT_REQUIRED: FieldError = FieldError {
    field: Cow::Borrowed("limit"),
    code: FieldCode::Required,
    detail: Cow::Borrowed("limit is required for a list of so many tasks in this order"),
    kind: Code::LimitRequired,
};

/// The value of `Retry-After` in seconds, if the server is busy.
const RETRY_AFTER_BUSY: u64 = 1;
/// The value of `Retry-After` in seconds, if there is no place for a stream of events.
const RETRY_AFTER_NO_PLACE: u64 = 15;
/// The value of `Retry-After` in seconds, if the database or the key server cannot be reached.
const RETRY_AFTER_OUTAGE: u64 = 2;

impl Error {
    /// Returns the code and the sentence of an error without mistakes.
    fn describe(&self) -> (Code, Cow<'static, str>) {
        let kind = match self {
            Self::Unauthenticated(rejection) => return (code_of(*rejection), Cow::Owned(rejection.to_string())),
            Self::UnsupportedMediaType(detail) => return (Code::UnsupportedMediaType, Cow::Borrowed(*detail)),
            Self::NotReady { code, detail } => return (*code, Cow::Borrowed(*detail)),
            Self::KeysUnavailable => NO_KEYS,
            Self::ForeignPath => FOREIGN_PATH,
            Self::ForeignHost => FOREIGN_HOST,
            Self::ForeignOrigin => FOREIGN_ORIGIN,
            Self::InsufficientScope => INSUFFICIENT_SCOPE,
            Self::Protocol { status, .. } => {
                return (Code::BadRequest, Cow::Borrowed(status.canonical_reason().unwrap_or_default()));
            }
            Self::RateLimited { .. } => RATE_LIMITED,
            Self::Busy | Self::Service(service::Error::Busy) => BUSY,
            Self::NoPlace(NoPlace::OfUser) => TOO_MANY_STREAMS,
            Self::NoPlace(NoPlace::OfProcess) => STREAMS_FULL,
            Self::NoPlace(NoPlace::Stopping) => STOPPING,
            Self::Service(service::Error::TooManyTasks) => TOO_MANY_TASKS,
            Self::Service(service::Error::OccurrenceExists) => OCCURRENCE_EXISTS,
            Self::Service(service::Error::NoReminder) => NO_REMINDER,
            Self::Service(service::Error::Completed) => COMPLETED,
            Self::Stale { .. } | Self::Service(service::Error::Stale(_)) => STALE,
            Self::Service(service::Error::Resync) => RESYNC,
            Self::BodyTooLarge => TOO_LARGE,
            Self::BodyLate => LATE,
            Self::NoRoute => NO_ROUTE,
            Self::NoMethod { .. } => NO_METHOD,
            Self::Service(service::Error::NotFound) => NO_TASK,
            Self::Service(service::Error::NotOwner) => NOT_OWNER,
            Self::Service(service::Error::Unavailable(_)) => NO_DATABASE,
            // Those that are not accepted have mistakes, which are answered instead.
            Self::Invalid(_)
            | Self::Service(
                service::Error::InvalidCursor
                | service::Error::InvalidSchedule(_)
                | service::Error::KeyReused
                | service::Error::TooLongToSort
                | service::Error::Database(_),
            )
            | Self::Internal(_) => INTERNAL,
        };
        (kind.code, Cow::Borrowed(kind.detail))
    }

    /// Returns the code that the error is answered with.
    #[must_use]
    pub fn code(&self) -> Code {
        self.mistakes().first().map_or_else(|| self.describe().0, |first| first.kind)
    }

    /// Returns the sentences of the error, those of all mistakes, for a client that gets no body of an error.
    pub(crate) fn sentences(&self) -> String {
        let mistakes = self.mistakes();
        if mistakes.is_empty() {
            return self.describe().1.into_owned();
        }
        let mut sentences: Vec<&str> = mistakes.iter().map(|mistake| &*mistake.detail).collect();
        // Unknown names have one sentence.
        sentences.dedup();
        sentences.join("; ")
    }

    /// Returns the mistakes of a request that is not accepted, or else none.
    fn mistakes(&self) -> Cow<'_, [FieldError]> {
        match self {
            Self::Invalid(mistakes) => Cow::Borrowed(mistakes),
            Self::Service(service::Error::InvalidCursor) => Cow::Owned(vec![INVALID_CURSOR]),
            Self::Service(service::Error::KeyReused) => Cow::Owned(vec![KEY_REUSED]),
            Self::Service(service::Error::InvalidSchedule(problem)) => Cow::Owned(vec![(*problem).into()]),
            Self::Service(service::Error::TooLongToSort) => Cow::Owned(vec![LIMIT_REQUIRED]),
            _ => Cow::Borrowed(&[]),
        }
    }
}

fn code_of(rejection: Rejection) -> Code {
    match rejection {
        Rejection::Missing => Code::TokenMissing,
        Rejection::NotBearer => Code::TokenMalformed,
        Rejection::Expired => Code::TokenExpired,
        _ => Code::TokenInvalid,
    }
}

impl From<service::Error> for Error {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::Stale(stale) => {
                Self::Stale { version: stale.version, current: None, conflicts: stale.conflicts }
            }
            error => Self::Service(error),
        }
    }
}

impl From<service::tasks::InvalidSchedule> for FieldError {
    fn from(problem: service::tasks::InvalidSchedule) -> Self {
        use service::recurrence::InvalidRecurrence;
        use service::tasks::InvalidSchedule;

        let (field, code) = match problem {
            InvalidSchedule::Rule(InvalidRecurrence::TooLong) => ("recurrence", FieldCode::TooLong),
            InvalidSchedule::NoZone => ("time_zone", FieldCode::Required),
            InvalidSchedule::TooManyReminders => ("reminders", FieldCode::TooMany),
            other => (other.field(), FieldCode::Invalid),
        };
        Self::of_body(field, code, format!("{field} {problem}"))
    }
}

impl From<FieldError> for Error {
    fn from(mistake: FieldError) -> Self {
        Self::Invalid(vec![mistake])
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
        if let Self::Protocol { status, .. } = self { *status } else { self.code().status() }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
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
            Self::NoPlace(NoPlace::Stopping) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_BUSY));
                response.force_close();
            }
            Self::NoPlace(NoPlace::OfUser | NoPlace::OfProcess) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_NO_PLACE));
            }
            Self::KeysUnavailable | Self::Service(service::Error::Unavailable(_)) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_OUTAGE));
            }
            Self::NoMethod { allow } => {
                response.insert_header((header::ALLOW, allow));
            }
            Self::Stale { version, .. } => {
                response.insert_header(etag::header(*version));
            }
            Self::BodyTooLarge | Self::BodyLate => {
                // The rest of the body is not read, so the connection cannot be reused.
                response.force_close();
            }
            _ => {}
        }
        if let Self::Protocol { body, .. } = self {
            return response.content_type("application/json").body(body.clone());
        }
        let mistakes = self.mistakes();
        if !mistakes.is_empty() {
            return response.json(ErrorBody::of_mistakes(&mistakes));
        }
        let (code, detail) = self.describe();
        let body = ErrorBody::new(&detail, code, None);
        response.json(match self {
            Self::Stale { current, conflicts, .. } => ErrorBody { current: current.as_deref(), conflicts, ..body },
            _ => body,
        })
    }
}

/// Formats an error with all its causes, the outermost first.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// Returns the code of a response, if it is an error.
#[must_use]
pub fn code_of_response<B>(response: &HttpResponse<B>) -> Option<Code> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let error = response.error().and_then(|error| error.as_error::<Error>());
    Some(error.map_or_else(|| kind_of_status(status).code, Error::code))
}

/// Returns the kind of an error that was not made from an [`Error`], but by the framework or one of its libraries.
fn kind_of_status(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::BAD_REQUEST => CORS_REFUSED,
        _ if status.is_server_error() => INTERNAL,
        _ => kind(Code::BadRequest, status.canonical_reason().unwrap_or("The request is not valid")),
    }
}

/// Returns the body for an error response that was not made from an [`Error`], but by the framework or one of its libraries.
#[must_use]
pub fn body_for(status: StatusCode, request_id: &str) -> String {
    let ErrorKind { code, detail } = kind_of_status(status);
    let body = ErrorBody::new(detail, code, status.is_server_error().then_some(request_id));
    serde_json::to_string(&body).unwrap_or_default()
}
