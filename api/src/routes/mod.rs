//! The whole URL map on one page.

mod docs;
mod endpoint;
mod health;
pub mod me;
pub mod openapi;
mod stream;
pub mod tasks;

use actix_web::web::ServiceConfig;

use self::endpoint::{Endpoint, no_route};
use self::me::{erase_me, export_me};
use self::tasks::{
    complete_all_tasks, complete_task, create_task, delete_completed_tasks, delete_task, get_task, list_tags,
    list_tasks, patch_task, summarize_tasks, update_task,
};

/// The operations, each also with a slash at its end; those on tasks and tags also under `/api/{user_id}`, for the caller's own id.
#[must_use]
pub fn operations() -> Vec<Endpoint> {
    vec![
        Endpoint::of_callers("/api/tasks").get(list_tasks).post(create_task).delete(delete_completed_tasks),
        // Before the ids, which they are not.
        Endpoint::of_callers("/api/tasks/summary").get(summarize_tasks),
        Endpoint::of_callers("/api/tasks/complete-all").post(complete_all_tasks),
        Endpoint::of_callers("/api/tasks/{id}").get(get_task).put(update_task).patch(patch_task).delete(delete_task),
        Endpoint::of_callers("/api/tasks/{id}/complete").patch(complete_task),
        Endpoint::of_callers("/api/tags").get(list_tags),
        Endpoint::of_callers("/api/me").delete(erase_me),
        Endpoint::of_callers("/api/me/export").get(export_me),
    ]
}

/// What needs no token.
fn for_anyone() -> Vec<Endpoint> {
    vec![
        Endpoint::of_anyone("/health/live").get(health::live),
        Endpoint::of_anyone("/health/ready").get(health::ready),
        Endpoint::of_anyone("/openapi.json").get(docs::document),
        Endpoint::of_anyone("/docs").get(docs::redirect),
        Endpoint::of_anyone("/docs/{file:.*}").get(docs::swagger_ui),
    ]
}

/// Puts the map into an App. The router tries one path after the other, and each costs the request that passes it: those that are
/// asked for most come first.
pub fn configure(app: &mut ServiceConfig) {
    let endpoints: Vec<_> = operations().into_iter().chain(for_anyone()).collect();
    let paths: Vec<_> = endpoints.iter().map(Endpoint::paths).collect();
    let most = paths.iter().map(Vec::len).max().unwrap_or_default();
    for spelling in 0..most {
        for (endpoint, paths) in endpoints.iter().zip(&paths) {
            if let Some(path) = paths.get(spelling) {
                app.service(endpoint.resource(path));
            }
        }
    }
    app.default_service(actix_web::web::to(no_route));
}
