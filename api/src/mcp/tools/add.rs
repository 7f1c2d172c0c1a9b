use serde_json::json;
use service::tasks::{self, Description, Tag, Tags, Title};

use super::{About, Answer, Arguments, Fault, written};
use crate::extract::arguments;
use crate::json::CreateTask;
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: format!(
            "Creates a task. A title has 1 to {} characters, a description up to {}, and a task up to {} tags of {} characters. A due \
             date is a day (2026-01-31), a local time (2026-01-31T10:00) or an instant (2026-01-31T10:00:00Z).",
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
        }),
        required: &["title"],
        result: schemas::written(&["created"], true),
        is_idempotent: false,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let new = arguments::<CreateTask>(sent)?;
    let created = tasks::create(&asked.state.store, &asked.caller, new, None).await?;
    written(created.value, "created")
}
