//! The errors of the operations. Each operation has examples that it can answer with.

use utoipa::openapi::example::Example;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{
    Components, Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};

use crate::error::{
    COMPLETED, Code, ErrorBody, ErrorKind, FOREIGN_PATH, FieldCode, FieldError, INTERNAL, LATE, NO_DATABASE,
    NO_REMINDER, NO_TASK, NOT_OWNER, OCCURRENCE_EXISTS, RATE_LIMITED, RESYNC, STALE, TOO_LARGE, TOO_MANY_TASKS,
};

/// An error that many operations can answer with.
#[derive(Clone, Copy)]
struct CommonError {
    name: &'static str,
    description: &'static str,
    /// The examples, which have the same status. There is at least one.
    examples: &'static [ErrorKind],
    header: Option<&'static str>,
}

const fn common(name: &'static str, description: &'static str, examples: &'static [ErrorKind]) -> CommonError {
    CommonError { name, description, examples, header: None }
}

const fn with_header(header: &'static str, error: CommonError) -> CommonError {
    CommonError { header: Some(header), ..error }
}

const EXPIRED: ErrorKind = ErrorKind { code: Code::TokenExpired, detail: "The token has expired" };
const NOT_JSON: ErrorKind = ErrorKind {
    code: Code::UnsupportedMediaType,
    detail: "The body must be JSON: send Content-Type: application/json",
};

/// The name of the 403 of an operation on a task.
const FORBIDDEN_TASK: &str = "ForbiddenTask";
/// The name of the 403 of an operation that is also found under the path of a user.
const FORBIDDEN_PATH: &str = "ForbiddenPath";

/// The name of the 409 of an operation that can create a task.
const TASK_LIMIT: &str = "TaskLimitReached";
/// The name of the 409 of a restoration.
const CONFLICT: &str = "Conflict";
/// The name of the 404 of an operation on a reminder.
const NO_SUCH_REMINDER: &str = "ReminderNotFound";
/// The name of the 409 of an operation on a reminder.
const IS_COMPLETED: &str = "TaskCompleted";

const ERRORS: [CommonError; 16] = [
    with_header(
        "WWW-Authenticate",
        common("Unauthorized", "The token is missing, invalid or expired (`code: token_expired`)", &[EXPIRED]),
    ),
    common(
        FORBIDDEN_TASK,
        "The task belongs to another user, or the path names another user",
        &[NOT_OWNER, FOREIGN_PATH],
    ),
    common(FORBIDDEN_PATH, "The path names another user", &[FOREIGN_PATH]),
    common("NotFound", "There is no such task", &[NO_TASK]),
    common(
        NO_SUCH_REMINDER,
        "There is no such task, or it has no reminder with this number (`code: reminder_not_found`)",
        &[NO_TASK, NO_REMINDER],
    ),
    common(IS_COMPLETED, "The task is completed, so its reminders do not fire", &[COMPLETED]),
    common(
        TASK_LIMIT,
        "You have as many tasks as you may have. Completing an occurrence of a recurring task creates the next one, which counts",
        &[TOO_MANY_TASKS],
    ),
    common(
        CONFLICT,
        "You have as many tasks as you may have, or there is another task for this occurrence of the series",
        &[TOO_MANY_TASKS, OCCURRENCE_EXISTS],
    ),
    with_header(
        "ETag",
        common(
            "PreconditionFailed",
            "The task, or the list, was changed since the version in `If-Match`. `current` is the task as it is now, and `ETag` its \
             version",
            &[STALE],
        ),
    ),
    common("Gone", "The changes since this state are not known", &[RESYNC]),
    common("RequestTimeout", "The body took too long to arrive", &[LATE]),
    common("ContentTooLarge", "The body is larger than 64 KiB", &[TOO_LARGE]),
    common("UnsupportedMediaType", "The headers declare a body that is not JSON", &[NOT_JSON]),
    with_header(
        "Retry-After",
        common(
            "TooManyRequests",
            "The rate limit is exceeded, or too many large requests are in flight (`code: busy`)",
            &[RATE_LIMITED],
        ),
    ),
    common("InternalServerError", "A defect of the server. Its log has the details, under the request id", &[INTERNAL]),
    with_header(
        "Retry-After",
        common("ServiceUnavailable", "The database cannot be reached, or is busy", &[NO_DATABASE]),
    ),
];

/// Adds the errors that many operations share.
pub(super) fn add_components(components: &mut Components) {
    for error in &ERRORS {
        components.responses.insert(error.name.to_owned(), RefOr::T(error.response()));
    }
}

/// Adds to an operation the errors that it can answer with.
pub(super) fn add_to(operation: &mut Operation, path: &str) {
    let names_a_task = path.contains("{id}");
    let takes_a_body = operation.request_body.is_some();
    let id = operation.operation_id.clone().unwrap_or_default();
    let has_precondition = takes(operation, "If-Match");
    if takes(operation, "Idempotency-Key") {
        add_replayed(operation);
    }
    // This operation reads its body as JSON whatever its Content-Type is.
    let judges_media_type = takes_a_body && id != "complete_task";
    for error in &ERRORS {
        let applies = match error.name {
            // A task of another user is one that is not in the trash.
            FORBIDDEN_TASK => names_a_task && id != "restore_task",
            "NotFound" => names_a_task && id != "snooze_reminder",
            NO_SUCH_REMINDER | IS_COMPLETED => id == "snooze_reminder",
            // The paths of `/api/me` name no user.
            FORBIDDEN_PATH => (!names_a_task || id == "restore_task") && !path.starts_with("/api/me"),
            TASK_LIMIT => ["create_task", "update_task", "patch_task", "complete_task"].contains(&id.as_str()),
            CONFLICT => id == "restore_task",
            "PreconditionFailed" => has_precondition,
            "Gone" => id == "list_changes",
            "RequestTimeout" | "ContentTooLarge" => takes_a_body,
            "UnsupportedMediaType" => judges_media_type,
            _ => true,
        };
        if applies {
            let reference = Ref::from_response_name(error.name);
            operation.responses.responses.insert(error.status(), RefOr::Ref(reference));
        }
    }
    operation.responses.responses.insert("422".to_owned(), RefOr::T(invalid(&id, takes_a_body)));
}

/// Whether an operation has a parameter of this name.
fn takes(operation: &Operation, name: &str) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == name))
}

/// Adds the mark of replays to the successful responses.
fn add_replayed(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"]));
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(
            "Only present if the same request with the same `Idempotency-Key` was done before. The response is the one to that request",
        ));
        if let RefOr::T(response) = response {
            response.headers.insert("Idempotency-Replayed".to_owned(), RefOr::T(header.build()));
        }
    }
}

/// Returns the 422 of an operation.
fn invalid(operation: &str, takes_a_body: bool) -> Response {
    let description = if takes_a_body {
        "Malformed JSON, a wrong type, or a missing or invalid field or parameter. `errors` has every mistake"
    } else {
        "A missing or invalid parameter. `errors` has every mistake"
    };
    let mistakes = mistakes(operation);
    let example = serde_json::json!(ErrorBody::of_mistakes(&mistakes));
    let content = content().example(Some(example)).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}

/// Returns mistakes that can be made with an operation.
fn mistakes(operation: &str) -> Vec<FieldError> {
    let field = |name, code, detail| FieldError::of_body(name, code, detail);
    let parameter = |name, code, detail| FieldError::of_parameter(name, code, detail);
    match operation {
        "create_task" => vec![
            field("title", FieldCode::Blank, "title must not be blank"),
            field("priority", FieldCode::Invalid, "priority must be one of `none`, `low`, `medium`, `high`"),
            field(
                "due_date",
                FieldCode::Invalid,
                "Due date must be a day like 2026-01-31 or a time like 2026-01-31T10:00",
            ),
        ],
        "update_task" | "patch_task" => vec![
            field("title", FieldCode::TooLong, "title must be at most 200 characters long"),
            field("completed", FieldCode::WrongType, "completed must be a boolean"),
        ],
        "complete_task" => vec![field("completed", FieldCode::WrongType, "completed must be a boolean")],
        "get_task" | "delete_task" | "restore_task" => {
            vec![parameter("id", FieldCode::Invalid, "id must be an integer")]
        }
        "list_tasks" => vec![
            parameter("priority", FieldCode::Invalid, "priority must be one of `none`, `low`, `medium`, `high`"),
            parameter("limit", FieldCode::Invalid, "limit must be an integer from 1 to 1000"),
        ],
        "summarize_tasks" => vec![parameter(
            "tz",
            FieldCode::Invalid,
            r#"tz must be a time zone of the IANA database ("Europe/Berlin")"#,
        )],
        "preview_recurrence" => vec![
            field(
                "recurrence",
                FieldCode::Invalid,
                "recurrence must not recur more often than daily: FREQ is DAILY, WEEKLY, MONTHLY or YEARLY",
            ),
            field(
                "time_zone",
                FieldCode::Invalid,
                r#"time_zone must be a time zone of the IANA database ("Europe/Berlin")"#,
            ),
            field("count", FieldCode::Invalid, "count must be an integer from 1 to 50"),
        ],
        "list_changes" => vec![
            parameter("since", FieldCode::Required, "since is required"),
            parameter("limit", FieldCode::Invalid, "limit must be an integer from 1 to 1000"),
        ],
        "list_trash" | "list_history" | "list_occurrences" => {
            vec![parameter("limit", FieldCode::Invalid, "limit must be an integer from 1 to 1000")]
        }
        "snooze_reminder" => {
            vec![field("minutes", FieldCode::Invalid, "minutes must be an integer from 1 to 40320")]
        }
        "stream_events" => {
            vec![parameter("since", FieldCode::Invalid, "since must be an integer that is not negative")]
        }
        "delete_completed_tasks" => vec![parameter("status", FieldCode::Required, "status is required")],
        // An operation without parameters only refuses unknown ones.
        _ => vec![FieldError::new(
            Code::UnknownParameter,
            "sorted",
            FieldCode::UnknownParameter,
            "Unknown query parameters: sorted",
        )],
    }
}

fn content() -> ContentBuilder {
    Content::builder().schema(Some(Ref::from_schema_name("Error")))
}

impl CommonError {
    fn status(&self) -> String {
        self.examples.first().map_or(Code::InternalError, |kind| kind.code).status().as_str().to_owned()
    }

    fn response(&self) -> Response {
        let value = |kind: &ErrorKind| serde_json::json!(ErrorBody::new(kind.detail, kind.code, None));
        let content = match self.examples {
            [only] => content().example(Some(value(only))),
            several => content().examples_from_iter(several.iter().map(|kind| {
                let mut example = Example::new();
                example.value = Some(value(kind));
                (kind.code.as_str(), example)
            })),
        };
        let response =
            ResponseBuilder::new().description(self.description).content("application/json", content.build());
        match self.header {
            Some(name) => {
                let schema = ObjectBuilder::new().schema_type(Type::String);
                response.header(name, HeaderBuilder::new().schema(Some(schema)).build()).build()
            }
            None => response.build(),
        }
    }
}
