use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service::tasks;
use utoipa::{IntoParams, ToSchema};

use super::Task;
use super::list_query::limit;
use super::schemas::trash_limit;
use super::task::{RESERVED, write_task};
use super::time::{self, rfc3339};
use crate::config::TaskAliases;
use crate::error::FieldError;
use crate::extract::Input;

/// The number of tasks of a page, if `limit` is not sent.
const DEFAULT_LIMIT: u32 = 250;

/// How many tasks of the trash to list at a time, and from where.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ListTrash {
    /// The maximum number of tasks of a page. The default is 250.
    #[serde(deserialize_with = "limit")]
    #[param(schema_with = trash_limit, required = false)]
    limit: Option<u32>,
    /// The position after the previous page, from its `Link`.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

/// A request for a page of the trash, whose values are valid.
#[derive(Debug)]
pub struct TrashRequest {
    /// The maximum number of tasks.
    pub limit: u32,
    /// The position after the previous page, which is not decoded.
    pub cursor: Option<String>,
}

impl Input for ListTrash {
    type Checked = TrashRequest;

    fn check(self, _: bool) -> Result<TrashRequest, FieldError> {
        Ok(TrashRequest { limit: self.limit.unwrap_or(DEFAULT_LIMIT), cursor: self.cursor })
    }
}

/// A task in the trash, as it was when it was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedTask {
    #[serde(flatten)]
    task: Task,
    /// When the task was deleted (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    deleted_at: DateTime<Utc>,
}

/// Returns a JSON array of these tasks.
pub(crate) fn deleted_array(tasks: Vec<tasks::DeletedTask>, aliases: TaskAliases) -> Bytes {
    let mut json = vec![b'['];
    write_all(tasks, aliases, &mut json);
    json.push(b']');
    json.shrink_to_fit();
    json.into()
}

/// Returns these tasks as elements of a JSON array. With `following`, they begin with the comma after the elements before them.
pub(crate) fn deleted_elements(tasks: Vec<tasks::DeletedTask>, aliases: TaskAliases, following: bool) -> Bytes {
    let mut json = Vec::new();
    if following && !tasks.is_empty() {
        json.push(b',');
    }
    write_all(tasks, aliases, &mut json);
    json.into()
}

/// Appends the same JSON as serde, see [`write_task`].
fn write_all(tasks: Vec<tasks::DeletedTask>, aliases: TaskAliases, json: &mut Vec<u8>) {
    json.reserve(tasks.len() * (RESERVED + 48));
    let mut is_first = true;
    for tasks::DeletedTask { task, deleted_at } in tasks {
        if !std::mem::take(&mut is_first) {
            json.push(b',');
        }
        write_task(task, aliases, json);
        // The end of the task's object.
        json.pop();
        json.extend_from_slice(b",\"deleted_at\":");
        time::write_json(json, &deleted_at);
        json.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use service::tasks::{Priority, Tags};

    use super::*;

    #[test]
    fn the_trash_is_written_as_serde_writes_it() {
        let deleted_at = DateTime::from_timestamp_micros(1_769_851_800_123_456).unwrap();
        let task = tasks::Task {
            id: 7,
            title: "\"a\"".to_owned(),
            description: None,
            completed: false,
            created_at: deleted_at,
            updated_at: deleted_at,
            completed_at: None,
            priority: Priority::Low,
            tags: Tags::default(),
            due: None,
            series_id: None,
            occurrence: None,
            schedule: None,
        };
        for count in 0..3 {
            let deleted = vec![tasks::DeletedTask { task: task.clone(), deleted_at }; count];
            let expected: Vec<_> = deleted
                .iter()
                .map(|deleted| DeletedTask {
                    task: Task::new(deleted.task.clone(), TaskAliases::default()),
                    deleted_at,
                })
                .collect();
            assert_eq!(deleted_array(deleted, TaskAliases::default()), serde_json::to_string(&expected).unwrap());
        }
    }
}
