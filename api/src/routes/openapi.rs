//! The OpenAPI document: the descriptions of the handlers, and what is true of all of them.

mod errors;

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, OpenApi as Document, RefOr, Schema, Type};

use crate::error::ErrorBody;
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
        (name = "permanent deletion", description = "**Warning: these requests cannot be undone.** They erase your trash, or all your data"),
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

/// Adds the security scheme, and to every operation the errors that any operation can answer with.
fn add_common_parts(document: &mut Document) {
    let components = document.components.get_or_insert_default();
    let scheme = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A JWT of Better Auth, or of `cargo run -p api -- token USER`."))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    errors::add_components(components);
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            describe_parameters(operation);
            describe_conditions(operation);
            errors::add_to(operation, path);
        }
    }
}

/// The syntax of `If-Match`: `*`, or 1 to 16 entity tags (RFC 9110, sections 8.8.3 and 13.1.1).
const IF_MATCH: &str = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,15})$"#;

/// The syntax of `Idempotency-Key`: 1 to 255 visible ASCII characters, in quotes or not (RFC 9651, section 3.3.3).
const IDEMPOTENCY_KEY: &str = r#"^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-~][!-~]{0,254})$"#;

/// Gives the conditions, the keys and the position of a stream their syntax. A header is never null, as an optional value would be. Every
/// text is accepted as `If-None-Match`.
fn describe_conditions(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let schema = match parameter.name.as_str() {
            "If-Match" => ObjectBuilder::new().schema_type(Type::String).pattern(Some(IF_MATCH)),
            "Idempotency-Key" => ObjectBuilder::new().schema_type(Type::String).pattern(Some(IDEMPOTENCY_KEY)),
            "If-None-Match" => ObjectBuilder::new().schema_type(Type::String),
            "Last-Event-ID" => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
            _ => continue,
        };
        parameter.schema = Some(schema.into());
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
