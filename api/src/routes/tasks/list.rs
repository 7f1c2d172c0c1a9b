use actix_web::web::{Data, Json, ReqData};
use service::{Caller, Db, tasks};

use super::wire::{ListTasks, Task};
use crate::error::Error;
use crate::extract::Query;

/// List your tasks
///
/// Newest first: by `created_at`, then by `id`, descending. All of them, in one array.
#[utoipa::path(get, path = "/api/tasks", tag = "tasks", params(ListTasks), responses(
    (status = 200, description = "Your tasks, newest first", body = [Task], example = json!([
        {"id": 2, "title": "Call Bob", "description": null, "completed": true,
         "created_at": "2026-01-31T09:31:00.000000Z", "updated_at": "2026-01-31T10:00:00.000000Z"},
        {"id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
         "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z"}
    ])),
))]
pub async fn list_tasks(
    db: Data<Db>,
    caller: ReqData<Caller>,
    Query(list): Query<ListTasks>,
) -> Result<Json<Vec<Task>>, Error> {
    let tasks = tasks::list(&db, &caller, list.status.into()).await?;
    Ok(Json(tasks.into_iter().map(Task::from).collect()))
}
