use actix_web::web::{Json, ReqData};
use service::{Caller, recurrence};

use crate::error::Error;
use crate::extract::{Body, NoQuery};
use crate::json::{PreviewRecurrence, RecurrencePreview};
use crate::routes::MAPPED;

/// Preview the dates of a recurrence rule
///
/// Computes the first dates of a rule in a time zone, for the form of a recurring task. Nothing is stored. The first date is the
/// due date. There are fewer dates than `count` if the series ends, or if its dates lie very far apart. The rules are those of
/// RFC 5545 that recur daily or less often.
#[utoipa::path(post, path = MAPPED, tag = "tasks",
    request_body(content = PreviewRecurrence, description = "The rule", example = json!({
        "recurrence": "weekly", "due_date": "2026-03-22T02:30", "time_zone": "Europe/Berlin", "count": 3
    })),
    responses((status = 200, description = "The dates", body = RecurrencePreview, example = json!({
        "recurrence": "FREQ=WEEKLY",
        "occurrences": [
            {"due_date": "2026-03-22T02:30", "occurrence": "2026-03-22T02:30:00", "at": "2026-03-22T01:30:00.000000Z"},
            {"due_date": "2026-03-29T03:30", "occurrence": "2026-03-29T02:30:00", "at": "2026-03-29T01:30:00.000000Z",
                "shifted": "gap"},
            {"due_date": "2026-04-05T02:30", "occurrence": "2026-04-05T02:30:00", "at": "2026-04-05T00:30:00.000000Z"}
        ]
    })))
)]
pub async fn preview_recurrence(
    caller: ReqData<Caller>,
    _: NoQuery,
    Body(asked): Body<PreviewRecurrence>,
) -> Result<Json<RecurrencePreview>, Error> {
    let occurrences = recurrence::preview(&caller, &asked.rule, &asked.due, asked.zone, asked.count);
    Ok(Json(RecurrencePreview::new(&asked.rule, occurrences)))
}
