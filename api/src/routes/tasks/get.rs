use actix_web::web::{Data, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{NoQuery, TaskId};
use crate::json::Task;
use crate::routes::MAPPED;
use crate::server::State;

/// Get a task
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(("id" = i64, Path, description = "The id of the task", example = 1)),
    responses((status = 200, description = "The task", body = Task))
)]
pub async fn get_task(state: Data<State>, caller: ReqData<Caller>, id: TaskId, _: NoQuery) -> Result<Task, Error> {
    Ok(Task::new(tasks::get(&state.store, &caller, id.0).await?, state.task_aliases))
}
