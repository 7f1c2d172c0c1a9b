use serde_json::json;
use service::tasks;

use super::{About, Answer, Arguments, Fault, task_json};
use crate::extract::arguments;
use crate::json::OneTask;
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: "Returns one task by its id. due_date has the form in which it was sent: a day, a local time or an instant; other times \
               are UTC."
            .to_owned(),
        arguments: json!({ "task_id": schemas::integer() }),
        required: &["task_id"],
        result: schemas::output(&json!({ "task": schemas::task() })),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let id = arguments::<OneTask>(sent)?;
    let task = tasks::get(&asked.state.store, &asked.caller, id).await?;
    Ok(Answer { value: json!({ "task": task_json(task)? }), note: None })
}
