//! The URL map, on one page.
//!
//! An operation is described in two places, each fact once. Its path is stated here. Its method, parameters and responses are
//! stated by `#[utoipa::path]` at its handler, whose doc comment is the API's documentation. The list below gives the routes
//! of the server, the paths of the OpenAPI document, and the table that the ownership tests work through.

mod docs;
mod endpoint;
mod health;
pub mod me;
pub mod openapi;
mod stream;
pub mod tasks;

use actix_web::web::{self, ServiceConfig};

pub use self::endpoint::Operation;
use self::endpoint::{Endpoint, WORDS, no_route};
use crate::mcp;
use crate::server::Extras;

/// Takes the place of the path in `#[utoipa::path]`, which requires one. The path is stated in the map.
const MAPPED: &str = "";

/// Makes the endpoints of callers from their paths and handlers.
macro_rules! endpoints_of_callers {
    ($($path:literal => $($module:ident::$handler:ident),+;)+) => {
        fn endpoints_of_callers() -> Vec<Endpoint> {
            vec![$(
                Endpoint::of_callers($path)$(.operation($module::$handler, {
                    #[derive(utoipa::OpenApi)]
                    #[openapi(paths($module::$handler))]
                    struct Described;
                    <Described as utoipa::OpenApi>::openapi()
                }))+
            ),+]
        }
    };
}

// The operations. Each path is also found with a slash at its end. The paths but those of `/api/me` are also found under
// `/api/{user_id}`, for the caller's own id.
endpoints_of_callers! {
    "/api/tasks" => tasks::list_tasks, tasks::create_task, tasks::delete_completed_tasks;
    // Before `{id}`, which would match them too.
    "/api/tasks/changes" => tasks::list_changes;
    "/api/tasks/trash" => tasks::list_trash, tasks::empty_trash;
    "/api/tasks/events" => tasks::stream_events;
    "/api/tasks/summary" => tasks::summarize_tasks;
    "/api/tasks/complete-all" => tasks::complete_all_tasks;
    "/api/tasks/{id}" => tasks::get_task, tasks::update_task, tasks::patch_task, tasks::delete_task;
    "/api/tasks/{id}/complete" => tasks::complete_task;
    "/api/tasks/{id}/history" => tasks::list_history;
    "/api/tasks/{id}/occurrences" => tasks::list_occurrences;
    "/api/tasks/{id}/reminders/{n}/snooze" => tasks::snooze_reminder;
    "/api/tasks/{id}/restore" => tasks::restore_task;
    "/api/recurrence/preview" => tasks::preview_recurrence;
    "/api/tags" => tasks::list_tags;
    "/api/me" => me::erase_me;
    "/api/me/export" => me::export_me;
}

/// How many of the spellings of a path come before those that name a user.
const SPELLINGS_WITHOUT_USER: usize = 2;

/// The endpoints that need no token and are not in the OpenAPI document.
fn public_endpoints() -> Vec<Endpoint> {
    vec![Endpoint::public("/health/live").get(health::live), Endpoint::public("/health/ready").get(health::ready)]
}

/// The endpoints of the documentation, which can be turned off (`DOCS`).
fn documentation() -> Vec<Endpoint> {
    vec![
        Endpoint::public("/").get(docs::start_page),
        Endpoint::public("/openapi.json").get(docs::document),
        Endpoint::public("/docs").get(docs::redirect),
        Endpoint::public("/docs/{file:.*}").get(docs::swagger_ui),
    ]
}

/// Lists the operations of callers, for tests that must cover all of them.
#[must_use]
pub fn operations() -> Vec<Operation> {
    endpoints_of_callers().iter().flat_map(Endpoint::operations).collect()
}

/// Registers the map in an App, with the endpoints beside it that are turned on.
///
/// The router tries the paths in the order of their registration, and a request pays for each that it passes. So the paths of
/// the map come first, and their other spellings after all of them.
///
/// A word in the place of an id is an unknown path. It is registered before the spellings with `{user_id}`, one of which would
/// take `/api/tasks/tags` for the tags of a user named `tasks`.
pub fn configure(app: &mut ServiceConfig, extras: &Extras) {
    let mut endpoints = endpoints_of_callers();
    endpoints.extend(public_endpoints());
    if extras.docs {
        endpoints.extend(documentation());
    }
    let paths: Vec<_> = endpoints.iter().map(Endpoint::spellings).collect();
    let most = paths.iter().map(Vec::len).max().unwrap_or_default();
    for spelling in 0..most {
        if spelling == SPELLINGS_WITHOUT_USER {
            app.service(web::resource(WORDS).to(no_route));
        }
        for (endpoint, paths) in endpoints.iter().zip(&paths) {
            if let Some(path) = paths.get(spelling) {
                app.service(endpoint.resource(path));
            }
        }
    }
    if let Some(endpoint) = &extras.mcp {
        mcp::configure(app, endpoint);
    }
    app.default_service(web::to(no_route));
}
