//! The OpenAPI document: what the handlers say of themselves, with what is true of all of them.

use actix_web::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, HeaderBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{Modify, OpenApi};

use crate::error::{ErrorBody, INTERNAL, Kind, LATE, NO_DATABASE, NO_TASK, NOT_OWNER, RATE_LIMITED, TOO_LARGE};
use crate::json::list_query::SortItem;
use crate::routes::{me, tasks};

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
        tasks::summarize_tasks,
        tasks::complete_all_tasks,
        tasks::delete_completed_tasks,
        tasks::list_tags,
        me::erase_me,
        me::export_me,
    ),
    components(schemas(ErrorBody, SortItem)),
    tags(
        (name = "tasks", description = "The tasks of the user whose token comes with the request"),
        (name = "me", description = "All that is stored of that user"),
    ),
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

/// An error answer that any operation can give.
#[derive(Clone, Copy)]
struct CommonError {
    name: &'static str,
    status: &'static str,
    description: &'static str,
    code: &'static str,
    detail: &'static str,
    header: Option<&'static str>,
}

const fn common(name: &'static str, status: &'static str, description: &'static str, kind: &Kind) -> CommonError {
    CommonError { name, status, description, code: kind.code, detail: kind.detail, header: None }
}

const fn with_header(header: &'static str, error: CommonError) -> CommonError {
    CommonError { header: Some(header), ..error }
}

const EXPIRED: Kind = Kind { status: StatusCode::UNAUTHORIZED, code: "token_expired", detail: "The token has expired" };
const NOT_JSON: Kind = Kind {
    status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
    code: "unsupported_media_type",
    detail: "The body must be JSON: send Content-Type: application/json",
};
const BLANK: Kind =
    Kind { status: StatusCode::UNPROCESSABLE_ENTITY, code: "invalid_field", detail: "title must not be blank" };

const ERRORS: [CommonError; 10] = [
    with_header(
        "WWW-Authenticate",
        common("Unauthorized", "401", "No token, a bad one, or an expired one (`code: token_expired`)", &EXPIRED),
    ),
    common("Forbidden", "403", "The task is another user's, or the path names another user", &NOT_OWNER),
    common("NotFound", "404", "There is no such task", &NO_TASK),
    common("RequestTimeout", "408", "The body took too long to arrive", &LATE),
    common("ContentTooLarge", "413", "The body is larger than 64 KiB", &TOO_LARGE),
    common("UnsupportedMediaType", "415", "The body says that it is something else than JSON", &NOT_JSON),
    common(
        "UnprocessableContent",
        "422",
        "Malformed JSON, a wrong type, a missing or invalid field or parameter",
        &BLANK,
    ),
    with_header("Retry-After", common("TooManyRequests", "429", "Over the rate limit", &RATE_LIMITED)),
    common("InternalServerError", "500", "A defect of the server; its log tells more under the request id", &INTERNAL),
    with_header(
        "Retry-After",
        common("ServiceUnavailable", "503", "The database cannot be reached, or is busy", &NO_DATABASE),
    ),
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
}

/// A parameter whose schema is a function of ours has its description there, where Swagger UI does not look for it.
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
    // Only a body that must be JSON is refused for being something else.
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
            .example(Some(serde_json::json!({ "detail": self.detail, "code": self.code })))
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
