use serde_json::json;
use service::tasks::{self, Conditions};

use super::{About, Answer, Arguments, Fault};
use crate::extract::arguments;
use crate::json::OneTask;
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: "Moves a task to the trash. It can be restored with restore_task for some days; deleting it again finds no task. \
               An open recurring task gets a next one."
            .to_owned(),
        arguments: json!({ "task_id": schemas::integer() }),
        required: &["task_id"],
        result: schemas::written(&["deleted"], false),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let id = arguments::<OneTask>(sent)?;
    asked.state.check_delete(&asked.caller).map_err(|seconds| Fault::TooManyDeletes { seconds })?;
    let task = tasks::delete(&asked.state.store, &asked.caller, id, &Conditions::default()).await?.value;
    Ok(Answer {
        value: json!({ "task_id": task.id, "status": "deleted", "title": task.title }),
        note: Some("The task is in the trash. restore_task brings it back.".to_owned()),
    })
}
