use serde_json::{Value, json};
use service::tasks::{self, Start, cursor};

use super::{About, Answer, Arguments, Fault, task_json};
use crate::extract::arguments;
use crate::json::{ListArguments, ListRequest};
use crate::mcp::schemas;
use crate::mcp::transport::Asked;

pub(super) fn about() -> About {
    About {
        text: "Lists tasks, newest first. priority and sort are comma lists: sort=\"-priority,due_date\", with - for descending, of \
               created_at, updated_at, due_date, priority and title. tags selects tasks with all of them; tz is an IANA time zone for \
               due. If next_cursor is not null there are more tasks: call again with the same arguments and it as cursor."
            .to_owned(),
        arguments: json!({
            "status": { "type": "string", "enum": ["all", "pending", "completed"] },
            "search": schemas::text(),
            "priority": schemas::text(),
            "tags": schemas::tags(),
            "due": { "type": "string", "enum": ["overdue", "today", "week", "none"] },
            "tz": schemas::text(),
            "sort": schemas::text(),
            "limit": {
                "type": "integer", "minimum": 1, "maximum": ListArguments::MAX_LIMIT, "default": ListArguments::DEFAULT_LIMIT,
            },
            "cursor": schemas::text(),
        }),
        required: &[],
        result: schemas::output(&json!({
            "tasks": { "type": "array", "items": schemas::task() },
            "next_cursor": { "type": ["string", "null"] },
            "total": { "type": "integer" },
        })),
        is_idempotent: true,
    }
}

pub(super) async fn call(asked: &Asked, sent: &Arguments) -> Result<Answer, Fault> {
    let ListRequest { query, limit, cursor } = arguments::<ListArguments>(sent)?;
    let (store, caller) = (&asked.state.store, &asked.caller);
    let after = cursor.map(|cursor| cursor::decode(caller, &query, &cursor)).transpose()?;
    let start = after.as_ref().map_or(Start::Beginning, Start::Behind);
    let limit = limit.unwrap_or(ListArguments::DEFAULT_LIMIT);
    let page = tasks::list(store, caller, &query, limit, start).await?;
    let shown = page.tasks.len() as u64;
    let total = match (&page.next, &after) {
        (None, None) => shown,
        _ => tasks::count(store, caller, &query.filter).await?,
    };
    let next = page.next.map(|position| cursor::encode(caller, &query, &position));
    let note = next.is_some().then(|| {
        format!("These are {shown} of {total} tasks. For the next ones, call list_tasks with the same arguments and next_cursor as cursor.")
    });
    let tasks: Vec<Value> = page.tasks.into_iter().map(task_json).collect::<Result<_, _>>()?;
    Ok(Answer { value: json!({ "tasks": tasks, "next_cursor": next, "total": total }), note })
}
