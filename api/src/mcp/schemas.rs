//! The schemas of arguments and results. They are short, because each conversation pays for them. Their limits are announced here and
//! enforced by the types of [`service::tasks`].

use serde_json::{Value, json};
use service::tasks::{Tag, Tags, Title};

/// Returns the schema of the arguments of a tool.
pub(super) fn input(properties: &Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Returns the schema of a result that has all of these members.
pub(super) fn output(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

/// Returns the schema of the result of a tool that writes to a task.
pub(super) fn written(statuses: &[&str], has_task: bool) -> Value {
    let mut properties = json!({
        "task_id": integer(), "status": { "type": "string", "enum": statuses }, "title": text(),
    });
    if has_task {
        properties["task"] = task();
    }
    output(&properties)
}

/// Returns the schema of a task. Most values have no type, and the fields of recurrence and reminders are left out: seven tools have
/// this schema, and its values need no explanation.
pub(super) fn task() -> Value {
    json!({ "type": "object", "properties": {
        "id": integer(), "title": text(), "description": {}, "completed": { "type": "boolean" },
        "created_at": {}, "updated_at": {}, "priority": {}, "tags": {},
        "due_date": {}, "completed_at": {}, "version": integer(),
    } })
}

pub(super) fn title() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": Title::MAX_CHARS })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn text_or_null() -> Value {
    json!({ "type": ["string", "null"] })
}

pub(super) fn integer() -> Value {
    json!({ "type": "integer" })
}

pub(super) fn priority() -> Value {
    json!({ "type": "string", "enum": ["none", "low", "medium", "high"] })
}

pub(super) fn reminders() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

pub(super) fn tags() -> Value {
    json!({ "type": "array", "items": { "type": "string", "maxLength": Tag::MAX_CHARS }, "maxItems": Tags::MAX })
}

pub(super) fn tags_or_null() -> Value {
    json!({ "type": ["array", "null"], "items": { "type": "string", "maxLength": Tag::MAX_CHARS }, "maxItems": Tags::MAX })
}
