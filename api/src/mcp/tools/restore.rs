use serde_json::json;
use service::tasks;

use super::{About, Answer, Arguments, Fault, written};
use crate::extract::arguments;
use crate::json::OneTask;
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: "Restores a deleted task as it was, with the same id. A task that is not deleted is returned as it is."
            .to_owned(),
        arguments: json!({ "task_id": schemas::integer() }),
        required: &["task_id"],
        result: schemas::written(&["restored"], true),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let id = arguments::<OneTask>(sent)?;
    let task = tasks::restore(&asked.state.store, &asked.caller, id, None).await?;
    written(task.value, "restored")
}
