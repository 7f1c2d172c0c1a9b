use actix_web::web::{Data, Json, ReqData};
use service::{Caller, tasks};

use crate::error::Error;
use crate::extract::{Body, NoQuery, ReminderNumber, TaskId};
use crate::json::{Snooze, SnoozedReminder};
use crate::routes::MAPPED;
use crate::server::State;

/// Put a reminder off
///
/// Lets a reminder fire `minutes` from now, also if it has fired before. The task and its version stay as they are, and
/// `reminders` keeps the time that was set. A repeated request counts its minutes anew, so it takes no `Idempotency-Key`.
///
/// 404 (`code: reminder_not_found`): the task has no reminder with this number. 409 (`code: task_completed`): the task is
/// completed.
#[utoipa::path(post, path = MAPPED, tag = "tasks",
    params(
        ("id" = i64, Path, description = "The id of the task", example = 1),
        ("n" = i64, Path, description = "The place of the reminder in `reminders` of the task, from 1", example = 1),
    ),
    request_body(content = Snooze, example = json!({"minutes": 10})),
    responses((status = 200, description = "The reminder", body = SnoozedReminder,
        example = json!({"id": 1, "n": 1, "at": "2026-01-31T09:40:00.000000Z"})))
)]
pub async fn snooze_reminder(
    state: Data<State>,
    caller: ReqData<Caller>,
    id: TaskId,
    ReminderNumber(n): ReminderNumber,
    _: NoQuery,
    Body(minutes): Body<Snooze>,
) -> Result<Json<SnoozedReminder>, Error> {
    let at = tasks::snooze(&state.store, &caller, id.0, (n, minutes)).await?;
    Ok(Json(SnoozedReminder { id: id.0, n, at }))
}
