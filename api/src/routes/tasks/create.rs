use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Body, NoQuery};
use crate::json::{CreateTask, Task};
use crate::routes::MAPPED;
use crate::server::State;

/// Create a task
///
/// The task belongs to you and is not completed. Its texts are stored exactly as they are sent.
#[utoipa::path(post, path = MAPPED, tag = "tasks",
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
    Body(new): Body<CreateTask>,
) -> Result<HttpResponse, Error> {
    let task = tasks::create(&state.store, &caller, new).await?;
    let location = format!("/api/tasks/{}", task.id);
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, location));
    Ok(Task::new(task, state.task_aliases).answer(&mut response))
}
