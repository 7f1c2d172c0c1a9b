//! The tools: one file each, with the description that models read and the function of `service::tasks` that it calls.

mod add;
mod complete;
mod delete;
mod fault;
mod get;
mod list;
mod restore;
mod summary;
mod update;

use std::sync::{Arc, LazyLock};

use rmcp::model::{Tool as Description, ToolAnnotations};
use serde_json::{Map, Value, json};
use service::tasks;

use self::fault::Fault;
use super::schemas;
use super::transport::Asked;
use crate::config::TaskAliases;
use crate::error::Error;
use crate::json;
use crate::tool::Tool;

/// The arguments of a call.
type Arguments = Map<String, Value>;

/// The result of a call.
pub(super) struct Answer {
    /// The result, as the output schema of the tool describes it.
    pub(super) value: Value,
    /// A sentence about the result, if it needs one.
    pub(super) note: Option<String>,
}

/// What a tool is, for models.
struct About {
    /// What it does, and the limits and the forms of its arguments.
    text: String,
    /// The schemas of the arguments, by name.
    arguments: Value,
    required: &'static [&'static str],
    /// The schema of the result.
    result: Value,
    /// Whether repeating a call has no further effect.
    is_idempotent: bool,
}

/// Returns all tools with their descriptions, which are built once.
pub(super) fn descriptions() -> &'static [(Tool, Description)] {
    static ALL: LazyLock<Vec<(Tool, Description)>> =
        LazyLock::new(|| Tool::ALL.into_iter().map(|tool| (tool, description(tool))).collect());
    &ALL
}

fn description(tool: Tool) -> Description {
    let About { text, arguments, required, result, is_idempotent } = about(tool);
    let annotations = ToolAnnotations::new().open_world(false);
    let annotations = if tool.reads() {
        annotations.read_only(true)
    } else {
        annotations.destructive(tool == Tool::DeleteTask).idempotent(is_idempotent)
    };
    Description::new(tool.name(), text, object(schemas::input(&arguments, required)))
        .with_raw_output_schema(object(result))
        .with_annotations(annotations)
}

fn object(schema: Value) -> Arc<Map<String, Value>> {
    let Value::Object(schema) = schema else { return Arc::default() };
    Arc::new(schema)
}

fn about(tool: Tool) -> About {
    match tool {
        Tool::AddTask => add::about(),
        Tool::ListTasks => list::about(),
        Tool::GetTask => get::about(),
        Tool::CompleteTask => complete::about(),
        Tool::UpdateTask => update::about(),
        Tool::DeleteTask => delete::about(),
        Tool::RestoreTask => restore::about(),
        Tool::TaskSummary => summary::about(),
    }
}

/// Calls a tool. The caller is that of the token; no argument names one.
///
/// # Errors
/// Why the tool did nothing.
pub(super) async fn call(tool: Tool, asked: &Asked, mut arguments: Arguments) -> Result<Answer, Fault> {
    if tool != Tool::UpdateTask {
        // Models send null for what they leave out. For an update, null removes a value.
        arguments.retain(|_, value| !value.is_null());
    }
    // The future of each tool is large, and a call needs one of them.
    match tool {
        Tool::AddTask => Box::pin(add::call(asked, &arguments)).await,
        Tool::ListTasks => Box::pin(list::call(asked, &arguments)).await,
        Tool::GetTask => Box::pin(get::call(asked, &arguments)).await,
        Tool::CompleteTask => Box::pin(complete::call(asked, &arguments)).await,
        Tool::UpdateTask => Box::pin(update::call(asked, arguments)).await,
        Tool::DeleteTask => Box::pin(delete::call(asked, &arguments)).await,
        Tool::RestoreTask => Box::pin(restore::call(asked, &arguments)).await,
        Tool::TaskSummary => Box::pin(summary::call(asked, &arguments)).await,
    }
}

/// Returns the JSON of a task, as the API answers it without aliases.
fn task_json(task: tasks::Task) -> Result<Value, Fault> {
    value(&json::Task::new(task, TaskAliases::default()))
}

fn value(of: &impl serde::Serialize) -> Result<Value, Fault> {
    serde_json::to_value(of).map_err(|error| Error::Internal(error.to_string()).into())
}

/// Returns the result of a tool that wrote to a task.
fn written(task: tasks::Task, status: &str) -> Result<Answer, Fault> {
    let (id, title) = (task.id, task.title.clone());
    let value = json!({ "task_id": id, "status": status, "title": title, "task": task_json(task)? });
    Ok(Answer { value, note: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_tools_is_short() {
        let list: Vec<_> = descriptions().iter().map(|(_, description)| description).collect();
        let length = serde_json::to_string(&list).unwrap().len();
        assert!(length < 8 * 1024 - 200, "{length} bytes; the envelope takes up to 200");
    }

    #[test]
    fn each_tool_has_two_schemas_of_objects_and_says_what_it_does_to_the_tasks() {
        for (tool, description) in descriptions() {
            assert_eq!(description.name, tool.name());
            assert_eq!(description.input_schema["type"], "object");
            assert_eq!(description.input_schema["additionalProperties"], false);
            assert_eq!(description.output_schema.as_ref().unwrap()["type"], "object");
            let hints = serde_json::to_value(&description.annotations).unwrap();
            let expected = match tool {
                Tool::AddTask => json!({"destructiveHint": false, "idempotentHint": false, "openWorldHint": false}),
                Tool::DeleteTask => json!({"destructiveHint": true, "idempotentHint": true, "openWorldHint": false}),
                tool if tool.reads() => json!({"readOnlyHint": true, "openWorldHint": false}),
                _ => json!({"destructiveHint": false, "idempotentHint": true, "openWorldHint": false}),
            };
            assert_eq!(hints, expected, "{tool:?}");
        }
    }
}
