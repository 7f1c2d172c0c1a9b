use serde_json::json;
use service::tasks::{self, Description, Tag, Tags, Title};

use super::{About, Answer, Arguments, Fault, written};
use crate::error::Error;
use crate::extract::arguments;
use crate::json::{CreateTask, demand_rule};
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: format!(
            "Creates a task. A title has 1 to {} characters, a description up to {}, and a task up to {} tags of {} characters. A due \
             date is a day (2026-01-31), a local time (2026-01-31T10:00) or an instant (2026-01-31T10:00:00Z). recurrence is an RRULE \
             (FREQ=WEEKLY;BYDAY=MO) or daily, weekdays, weekly, monthly or yearly, with due_date and time_zone. A reminder is \
             {{at: instant}} or {{before: PT15M}}.",
            Title::MAX_CHARS,
            Description::MAX_CHARS,
            Tags::MAX,
            Tag::MAX_CHARS
        ),
        arguments: json!({
            "title": schemas::title(),
            "description": schemas::text(),
            "priority": schemas::priority(),
            "tags": schemas::tags(),
            "due_date": schemas::text(),
            "recurrence": schemas::text(),
            "time_zone": schemas::text(),
            "reminders": schemas::reminders(),
        }),
        required: &["title"],
        result: schemas::written(&["created"], true),
        is_idempotent: false,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let mut new = arguments::<CreateTask>(sent)?;
    demand_rule(new.schedule.as_deref_mut(), sent.get("recurrence")).map_err(Error::from)?;
    let created = tasks::create(&asked.state.store, &asked.caller, new, None).await?;
    written(created.value, "created")
}
