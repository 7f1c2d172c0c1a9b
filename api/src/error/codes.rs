//! The codes of errors. `docs/errors.md` explains each of them.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Defines the codes of errors, each with its status.
macro_rules! codes {
    ($($(#[doc = $doc:tt])+ $name:ident = $text:tt, $status:ident;)+) => {
        /// The kind of an error, as a stable name for programs. A name never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[schema(as = ErrorCode)]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Code {
            /// All codes, in the order of the table in `docs/errors.md`.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the code as it is answered.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// Returns the status of the errors with this code.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }
        }
    };
}

codes! {
    /// The framework refused the request before it reached an operation. Its status can be any of 4xx.
    BadRequest = "bad_request", BAD_REQUEST;
    /// CORS does not allow the page to send the request.
    CorsRefused = "cors_refused", BAD_REQUEST;
    /// No token was sent.
    TokenMissing = "token_missing", UNAUTHORIZED;
    /// The `Authorization` header is not `Bearer` and one token.
    TokenMalformed = "token_malformed", UNAUTHORIZED;
    /// The token has expired.
    TokenExpired = "token_expired", UNAUTHORIZED;
    /// The token is refused for another reason.
    TokenInvalid = "token_invalid", UNAUTHORIZED;
    /// The path names another user than the caller.
    NotYourPath = "not_your_path", FORBIDDEN;
    /// The task belongs to another user.
    NotOwner = "not_owner", FORBIDDEN;
    /// The request of an agent names another host than that of `MCP_RESOURCE`.
    HostRefused = "host_refused", FORBIDDEN;
    /// The request of an agent comes from a page of another origin.
    OriginRefused = "origin_refused", FORBIDDEN;
    /// The access token does not allow the tool.
    InsufficientScope = "insufficient_scope", FORBIDDEN;
    /// There is no such task.
    TaskNotFound = "task_not_found", NOT_FOUND;
    /// The task has no reminder with this number.
    ReminderNotFound = "reminder_not_found", NOT_FOUND;
    /// The path is not in the map.
    RouteNotFound = "route_not_found", NOT_FOUND;
    /// The path is in the map, but not with this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
    /// The user has as many tasks as a user may have.
    TaskLimitReached = "task_limit_reached", CONFLICT;
    /// The deleted task stands for an occurrence of a series for which there is another task by now.
    OccurrenceExists = "occurrence_exists", CONFLICT;
    /// The task is completed, so its reminders do not fire.
    TaskCompleted = "task_completed", CONFLICT;
    /// The task, or the list, was changed since the version in `If-Match`.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED;
    /// The body did not arrive in time.
    BodyLate = "body_late", REQUEST_TIMEOUT;
    /// The changes since the state are not known.
    Resync = "resync", GONE;
    /// The body is too large.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE;
    /// The headers declare a body that is not JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE;
    /// The body is not valid JSON.
    InvalidJson = "invalid_json", UNPROCESSABLE_ENTITY;
    /// The body is missing, incomplete, or not a JSON object.
    InvalidBody = "invalid_body", UNPROCESSABLE_ENTITY;
    /// A field of the body is missing or invalid.
    InvalidField = "invalid_field", UNPROCESSABLE_ENTITY;
    /// Strict handling refuses a field that is not known.
    UnknownField = "unknown_field", UNPROCESSABLE_ENTITY;
    /// A query parameter is missing or invalid, or the id in the path is not an integer.
    InvalidParameter = "invalid_parameter", UNPROCESSABLE_ENTITY;
    /// Strict handling refuses a query parameter that is not known.
    UnknownParameter = "unknown_parameter", UNPROCESSABLE_ENTITY;
    /// A header is invalid.
    InvalidHeader = "invalid_header", UNPROCESSABLE_ENTITY;
    /// The key in `Idempotency-Key` was used for a different request.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY;
    /// The cursor does not belong to this list.
    InvalidCursor = "invalid_cursor", UNPROCESSABLE_ENTITY;
    /// The list is too long for this order without `limit`.
    LimitRequired = "limit_required", UNPROCESSABLE_ENTITY;
    /// The user or the address has sent too many requests.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS;
    /// Too many large requests are in flight.
    Busy = "busy", TOO_MANY_REQUESTS;
    /// The user has as many streams of events as a user may have.
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS;
    /// A defect of the server.
    InternalError = "internal_error", INTERNAL_SERVER_ERROR;
    /// The database cannot be reached, or is busy.
    DatabaseUnavailable = "database_unavailable", SERVICE_UNAVAILABLE;
    /// The token cannot be verified, because the key server cannot be reached.
    KeyServerUnavailable = "key_server_unavailable", SERVICE_UNAVAILABLE;
    /// This server has as many streams of events as it may have.
    StreamsFull = "streams_full", SERVICE_UNAVAILABLE;
    /// Not ready: the server is about to stop.
    Stopping = "stopping", SERVICE_UNAVAILABLE;
    /// Not ready: the schema of the database is not up to date.
    NotMigrated = "not_migrated", SERVICE_UNAVAILABLE;
    /// Not ready: the database cannot be written to.
    NotWritable = "not_writable", SERVICE_UNAVAILABLE;
}

/// The kind of a mistake in a body or a query, as a stable name for programs. A name never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FieldErrorCode)]
pub enum FieldCode {
    /// The body, field or parameter is required.
    Required,
    /// The JSON type is wrong.
    WrongType,
    /// The text is empty or only white space.
    Blank,
    /// The text has too many characters.
    TooLong,
    /// The text contains a character that is not allowed.
    ForbiddenCharacter,
    /// There are too many values.
    TooMany,
    /// The field, parameter or value occurs twice.
    Repeated,
    /// The value is not one of those that are allowed.
    Invalid,
    /// Strict handling refuses a field that is not known.
    UnknownField,
    /// Strict handling refuses a query parameter that is not known.
    UnknownParameter,
    /// The body is not JSON, or ended before it was complete.
    Malformed,
}
