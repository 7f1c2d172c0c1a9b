use serde_json::{Value, json};
use service::tasks::{self, Conditions, Precondition};

use super::{About, Answer, Arguments, Fault, written};
use crate::error::Error;
use crate::extract::arguments;
use crate::json::{OneVersion, UpdateTask, demand_rule};
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: "Changes fields of a task: an absent one keeps its value, and null removes description, tags, due_date or recurrence. Limits and \
               dates are those of add_task. With version, the task is only changed if it still has that version."
            .to_owned(),
        arguments: json!({
            "task_id": schemas::integer(),
            "title": schemas::title(),
            "description": schemas::text_or_null(),
            "completed": { "type": "boolean" },
            "priority": schemas::priority(),
            "tags": schemas::tags_or_null(),
            "due_date": schemas::text_or_null(),
            "recurrence": schemas::text_or_null(),
            "time_zone": schemas::text_or_null(),
            "reminders": schemas::reminders(),
            "version": schemas::integer(),
        }),
        required: &["task_id"],
        result: schemas::written(&["updated"], true),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, mut sent: Arguments) -> Result<Answer, Fault> {
    let mut of_task = Arguments::new();
    for name in OneVersion::NAMES {
        of_task.extend(
            sent.shift_remove(name).filter(|value| *value != Value::Null).map(|value| (name.to_owned(), value)),
        );
    }
    let (id, version) = arguments::<OneVersion>(&of_task)?;
    let mut changes = arguments::<UpdateTask>(&sent)?;
    demand_rule(changes.schedule.as_deref_mut(), sent.get("recurrence")).map_err(Error::from)?;
    let precondition = version.map_or(Precondition::Exists, |version| Precondition::OneOf(vec![version]));
    let conditions = Conditions { precondition, ..Conditions::default() };
    let task = tasks::update(&asked.state.store, &asked.caller, id, changes, &conditions).await?;
    written(task.value, "updated")
}
