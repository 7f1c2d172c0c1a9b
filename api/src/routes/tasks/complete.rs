use actix_web::web::{Data, Json, ReqData};
use service::tasks::Change;
use service::{Caller, Db, tasks};

use crate::error::Error;
use crate::extract::{NoQuery, OptionalBody, Query, TaskId};
use crate::json::task::{Completed, Counted, Task};

/// Complete a task, or reopen it
///
/// Flips `completed` in one atomic step. With `completed` in the body or the query it is set to that instead, so that
/// repeating the request is safe; where both have it, the body counts.
#[utoipa::path(patch, path = "/api/tasks/{id}/complete", tag = "tasks",
    params(("id" = i64, Path, description = "The task's id", example = 1), Completed),
    request_body(content = inline(Option<Completed>), description = "What to set it to; may be left out", example = json!({"completed": true})),
    responses((status = 200, description = "The task, as it is now", body = Task))
)]
pub async fn complete_task(
    db: Data<Db>,
    caller: ReqData<Caller>,
    id: TaskId,
    Query(query): Query<Completed>,
    OptionalBody(body): OptionalBody<Completed>,
) -> Result<Task, Error> {
    let task = match (body.completed, query.completed) {
        (Change::To(completed), _) | (Change::Keep, Change::To(completed)) => {
            tasks::set_completed(&db, &caller, id.0, completed).await?
        }
        (Change::Keep, Change::Keep) => tasks::toggle_completed(&db, &caller, id.0).await?,
    };
    Ok(task.into())
}

/// Complete all your tasks
///
/// Those that are not done yet, in one atomic step.
#[utoipa::path(post, path = "/api/tasks/complete-all", tag = "tasks",
    responses((status = 200, description = "How many tasks that were", body = Counted, example = json!({"count": 3}))))]
pub async fn complete_all_tasks(db: Data<Db>, caller: ReqData<Caller>, _: NoQuery) -> Result<Json<Counted>, Error> {
    let count = tasks::complete_all(&db, &caller).await?;
    Ok(Json(Counted { count }))
}
