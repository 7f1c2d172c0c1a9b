//! The OpenAPI document: the descriptions of the handlers, and what is true of all of them.

use actix_web::http::StatusCode;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, HeaderBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
};

use crate::error::{ErrorBody, ErrorKind, INTERNAL, LATE, NO_DATABASE, NO_TASK, NOT_OWNER, RATE_LIMITED, TOO_LARGE};
use crate::json::SortItem;

/// The document without its operations.
#[derive(OpenApi)]
#[openapi(
    info(title = "Task API", description = include_str!("openapi.md")),
    external_docs(url = "docs/quickstart.md", description = "Quickstart: from a clone to a call from Next.js"),
    servers((url = "/", description = "This server")),
    components(schemas(ErrorBody, SortItem)),
    // In the order of use.
    tags(
        (name = "tasks", description = "Your tasks: a list, and one at a time"),
        (name = "bulk", description = "Many tasks in one request"),
        (name = "tags and summary", description = "The number of tasks of each kind"),
        (name = "account", description = "All data stored about you"),
        (name = "permanent deletion", description = "**Warning: these requests cannot be undone.** Each deletes many tasks, or all your data"),
    ),
    security(("bearer" = [])),
)]
struct Frame;

/// Returns the document.
#[must_use]
pub fn document() -> Document {
    let mut document = Frame::openapi();
    for endpoint in super::endpoints_of_callers() {
        endpoint.describe(&mut document);
    }
    add_common_parts(&mut document);
    document
}

/// Returns the document as it is served.
#[must_use]
pub fn json() -> String {
    // The document is a tree of texts and maps, so this cannot fail.
    document().to_json().unwrap_or_default()
}

/// Returns the document as it is committed.
#[must_use]
pub fn yaml() -> String {
    document().to_yaml().unwrap_or_default()
}

/// An error that many operations can answer with.
#[derive(Clone, Copy)]
struct CommonError {
    name: &'static str,
    status: &'static str,
    description: &'static str,
    code: &'static str,
    detail: &'static str,
    header: Option<&'static str>,
}

const fn common(name: &'static str, status: &'static str, description: &'static str, kind: &ErrorKind) -> CommonError {
    CommonError { name, status, description, code: kind.code, detail: kind.detail, header: None }
}

const fn with_header(header: &'static str, error: CommonError) -> CommonError {
    CommonError { header: Some(header), ..error }
}

const EXPIRED: ErrorKind =
    ErrorKind { status: StatusCode::UNAUTHORIZED, code: "token_expired", detail: "The token has expired" };
const NOT_JSON: ErrorKind = ErrorKind {
    status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
    code: "unsupported_media_type",
    detail: "The body must be JSON: send Content-Type: application/json",
};
const BLANK: ErrorKind =
    ErrorKind { status: StatusCode::UNPROCESSABLE_ENTITY, code: "invalid_field", detail: "title must not be blank" };

const ERRORS: [CommonError; 10] = [
    with_header(
        "WWW-Authenticate",
        common("Unauthorized", "401", "The token is missing, invalid or expired (`code: token_expired`)", &EXPIRED),
    ),
    common("Forbidden", "403", "The task belongs to another user, or the path names another user", &NOT_OWNER),
    common("NotFound", "404", "There is no such task", &NO_TASK),
    common("RequestTimeout", "408", "The body took too long to arrive", &LATE),
    common("ContentTooLarge", "413", "The body is larger than 64 KiB", &TOO_LARGE),
    common("UnsupportedMediaType", "415", "The headers declare a body that is not JSON", &NOT_JSON),
    common(
        "UnprocessableContent",
        "422",
        "Malformed JSON, a wrong type, or a missing or invalid field or parameter",
        &BLANK,
    ),
    with_header(
        "Retry-After",
        common(
            "TooManyRequests",
            "429",
            "The rate limit is exceeded, or too many large requests are in flight (`code: busy`)",
            &RATE_LIMITED,
        ),
    ),
    common(
        "InternalServerError",
        "500",
        "A defect of the server. Its log has the details, under the request id",
        &INTERNAL,
    ),
    with_header(
        "Retry-After",
        common("ServiceUnavailable", "503", "The database cannot be reached, or is busy", &NO_DATABASE),
    ),
];

/// Adds the security scheme, and to every operation the errors that any operation can answer with.
fn add_common_parts(document: &mut Document) {
    let components = document.components.get_or_insert_default();
    let scheme = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A JWT of Better Auth, or of `cargo run -p api -- token USER`."))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    for error in &ERRORS {
        components.responses.insert(error.name.to_owned(), RefOr::T(error.response()));
    }
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            describe_parameters(operation);
            add_errors(operation, path.contains("{id}"));
        }
    }
}

/// Copies the descriptions of parameters from their schemas, for the schemas of `json::schemas`. Swagger UI only shows the
/// description of the parameter itself.
fn describe_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        if parameter.description.is_some() {
            continue;
        }
        parameter.description = match &parameter.schema {
            Some(RefOr::T(Schema::Object(schema))) => schema.description.clone(),
            Some(RefOr::T(Schema::Array(schema))) => schema.description.clone(),
            Some(RefOr::T(Schema::AnyOf(schema))) => schema.description.clone(),
            _ => None,
        };
    }
}

fn add_errors(operation: &mut Operation, names_a_task: bool) {
    let takes_a_body = operation.request_body.is_some();
    // This operation reads its body as JSON whatever its Content-Type is.
    let judges_media_type = takes_a_body && operation.operation_id.as_deref() != Some("complete_task");
    for error in &ERRORS {
        let applies = match error.status {
            "404" => names_a_task,
            "408" | "413" => takes_a_body,
            "415" => judges_media_type,
            _ => true,
        };
        if applies {
            let reference = Ref::from_response_name(error.name);
            operation.responses.responses.insert(error.status.to_owned(), RefOr::Ref(reference));
        }
    }
}

impl CommonError {
    fn response(&self) -> Response {
        let content = Content::builder()
            .schema(Some(Ref::from_schema_name("Error")))
            .example(Some(serde_json::json!(ErrorBody::new(self.detail, self.code, None))))
            .build();
        let response = ResponseBuilder::new().description(self.description).content("application/json", content);
        match self.header {
            Some(name) => {
                let schema = ObjectBuilder::new().schema_type(Type::String);
                response.header(name, HeaderBuilder::new().schema(Some(schema)).build()).build()
            }
            None => response.build(),
        }
    }
}
