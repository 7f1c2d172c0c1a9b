//! The OpenAPI document: what the handlers say of themselves, with what is true of all of them.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, HeaderBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Type,
};
use utoipa::{Modify, OpenApi};

use crate::error::ErrorBody;
use crate::routes::tasks;

#[derive(OpenApi)]
#[openapi(
    info(title = "Todo API", description = include_str!("openapi.md")),
    paths(
        tasks::list_tasks,
        tasks::create_task,
        tasks::get_task,
        tasks::update_task,
        tasks::patch_task,
        tasks::delete_task,
        tasks::complete_task,
    ),
    components(schemas(ErrorBody)),
    tags((name = "tasks", description = "The tasks of the user whose token comes with the request")),
    security(("bearer" = [])),
    modifiers(&CommonAnswers),
)]
struct Api;

/// The document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}

/// The document as it is served.
#[must_use]
pub fn json() -> String {
    // A tree of texts and maps: it cannot fail to serialize.
    document().to_json().unwrap_or_default()
}

/// The document as it is committed.
#[must_use]
pub fn yaml() -> String {
    document().to_yaml().unwrap_or_default()
}

/// Adds to every operation the answers that do not depend on what it does.
struct CommonAnswers;

/// Error answers: name in the components, status, description, code of the example and its sentence, and the header that
/// comes with it.
const ERRORS: [(&str, &str, &str, (&str, &str), Option<&str>); 9] = [
    ("Unauthorized", "401", "No token, a bad one, or an expired one (`code: token_expired`)",
        ("token_expired", "The token has expired"), Some("WWW-Authenticate")),
    ("Forbidden", "403", "The task is another user's, or the path names another user",
        ("not_owner", "You do not own this task"), None),
    ("NotFound", "404", "There is no such task", ("task_not_found", "Task not found"), None),
    ("ContentTooLarge", "413", "The body is larger than 64 KiB",
        ("body_too_large", "The body must be at most 64 KiB large"), None),
    ("UnsupportedMediaType", "415", "The body says that it is something else than JSON",
        ("unsupported_media_type", "The body must be JSON: send Content-Type: application/json"), None),
    ("UnprocessableContent", "422", "Malformed JSON, a wrong type, a missing or invalid field or parameter",
        ("invalid_field", "title must not be blank"), None),
    ("TooManyRequests", "429", "Over the rate limit",
        ("rate_limited", "Too many requests, please slow down"), Some("Retry-After")),
    ("InternalServerError", "500", "A defect of the server; its log tells more under the request id",
        ("internal_error", "Something went wrong in the server"), None),
    ("ServiceUnavailable", "503", "The database cannot be reached, or is busy",
        ("database_unavailable", "The tasks cannot be reached at the moment, please try again"), Some("Retry-After")),
];

impl Modify for CommonAnswers {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A JWT of Better Auth's, or of `cargo run -p api -- token USER`."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        for (name, _, description, example, header) in ERRORS {
            components.responses.insert(name.to_owned(), RefOr::T(error(description, example, header)));
        }
        for (path, item) in &mut document.paths.paths {
            let operations =
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                add_errors(operation, path.contains("{id}"));
            }
        }
    }
}

fn add_errors(operation: &mut Operation, names_a_task: bool) {
    let takes_a_body = operation.request_body.is_some();
    // Only a body that must be JSON is refused for being something else.
    let judges_media_type = takes_a_body && operation.operation_id.as_deref() != Some("complete_task");
    for (name, status, ..) in ERRORS {
        let applies = match status {
            "404" => names_a_task,
            "413" => takes_a_body,
            "415" => judges_media_type,
            _ => true,
        };
        if applies {
            let reference = Ref::from_response_name(name);
            operation.responses.responses.insert(status.to_owned(), RefOr::Ref(reference));
        }
    }
}

fn error(description: &str, (code, detail): (&str, &str), header: Option<&str>) -> Response {
    let content = Content::builder()
        .schema(Some(Ref::from_schema_name("Error")))
        .example(Some(serde_json::json!({ "detail": detail, "code": code })))
        .build();
    let response = ResponseBuilder::new().description(description).content("application/json", content);
    match header {
        Some(name) => {
            let schema = ObjectBuilder::new().schema_type(Type::String);
            response.header(name, HeaderBuilder::new().schema(Some(schema)).build()).build()
        }
        None => response.build(),
    }
}
