use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Body, NoQuery, RequestKey};
use crate::json::{CreateTask, Task, ignore_incomplete};
use crate::routes::MAPPED;
use crate::server::State;

/// Create a task
///
/// The task belongs to you and is not completed. Its texts are stored exactly as they are sent. With an `Idempotency-Key` the
/// request can be repeated for 24 hours, and creates one task: the answer is then the same as the first one, with
/// `Idempotency-Replayed: true`.
///
/// A task recurs with `recurrence`, `due_date` and `time_zone`. It is the first occurrence: completing it creates the next one.
#[utoipa::path(post, path = MAPPED, tag = "tasks",
    params(
        ("Idempotency-Key" = inline(Option<String>), Header, description = "A new key for each request, such as a UUID: the same request \
            with the same key is done once"),
    ),
    request_body(content = CreateTask, description = "The task", example = json!({
        "title": "Buy milk", "description": "Two litres", "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01"
    })),
    responses((status = 201, description = "The created task", body = Task,
        headers(
            ("Location" = String, description = "The path of the task"),
            ("ETag" = String, description = "Its version, in quotes"),
        )))
)]
pub async fn create_task(
    state: Data<State>,
    caller: ReqData<Caller>,
    _: NoQuery,
    key: RequestKey,
    Body(mut new): Body<CreateTask>,
) -> Result<HttpResponse, Error> {
    ignore_incomplete(&mut new);
    let mut response = HttpResponse::Created();
    let created = tasks::create(&state.store, &caller, new, key.of("create_task")).await;
    let task = state.written(created, &mut response)?;
    response.insert_header((LOCATION, format!("/api/tasks/{}", task.id)));
    Ok(task.answer(&mut response))
}
