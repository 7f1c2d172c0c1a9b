use serde_json::json;
use service::tasks;

use super::{About, Answer, Arguments, Fault, value};
use crate::extract::arguments;
use crate::json::{InZone, Summary};
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    let count = schemas::integer;
    About {
        text: "Counts the tasks by status, due date, priority and tag. Days begin and end in the IANA time zone tz, such as \
               Europe/Berlin; the default is UTC."
            .to_owned(),
        arguments: json!({ "tz": schemas::text() }),
        required: &[],
        result: schemas::output(&json!({
            "all": count(), "pending": count(), "completed": count(), "overdue": count(), "due_today": count(),
            "by_priority": { "type": "object" },
            "by_tag": { "type": "array", "items": { "type": "object" } },
        })),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let zone = arguments::<InZone>(sent)?;
    let summary = tasks::summary(&asked.state.store, &asked.caller, zone).await?;
    Ok(Answer { value: value(&Summary::from(summary))?, note: None })
}
