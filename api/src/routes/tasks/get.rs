use actix_web::web::{Data, ReqData};
use service::{Caller, Db, tasks};

use crate::error::Error;
use crate::extract::{NoQuery, TaskId};
use crate::json::task::Task;

/// Get a task
#[utoipa::path(get, path = "/api/tasks/{id}", tag = "tasks",
    params(("id" = i64, Path, description = "The task's id", example = 1)),
    responses((status = 200, description = "The task", body = Task))
)]
pub async fn get_task(db: Data<Db>, caller: ReqData<Caller>, id: TaskId, _: NoQuery) -> Result<Task, Error> {
    Ok(tasks::get(&db, &caller, id.0).await?.into())
}
