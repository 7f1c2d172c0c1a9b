use serde_json::json;
use service::tasks::{self, Conditions};

use super::{About, Answer, Arguments, Fault, written};
use crate::extract::arguments;
use crate::json::CompleteArguments;
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: "Completes a task, or reopens it with completed=false. It sets the value and never flips it, so a call can be repeated. \
               A recurring task gets a next one (next_id)."
            .to_owned(),
        arguments: json!({ "task_id": schemas::integer(), "completed": { "type": "boolean", "default": true } }),
        required: &["task_id"],
        result: schemas::written(&["completed", "pending"], true),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let (id, completed) = arguments::<CompleteArguments>(sent)?;
    let (store, caller) = (&asked.state.store, &asked.caller);
    let task = tasks::set_completed(store, caller, id, completed, &Conditions::default()).await?;
    written(task.value, if completed { "completed" } else { "pending" })
}
