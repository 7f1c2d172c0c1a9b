use std::borrow::Cow;

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use service::tasks::{self, Feed, FeedItem};
use utoipa::{IntoParams, ToSchema};

use super::Task;
use super::list_query::limit;
use super::schemas::feed_limit;
use super::task::{RESERVED, write_task};
use super::time::rfc3339;
use crate::config::TaskAliases;
use crate::error::FieldError;
use crate::extract::Input;

/// The number of changes of a part, if `limit` is not sent.
const DEFAULT_LIMIT: u32 = 250;

/// From which state to go on, and how many changes at a time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListChanges {
    /// The state that you have: `state` of the answer before, or at first the number in the `ETag` of the whole list.
    #[serde(deserialize_with = "state")]
    #[param(minimum = 0)]
    since: i64,
    /// The maximum number of changes of a part. The default is 250.
    #[serde(default, deserialize_with = "limit")]
    #[param(schema_with = feed_limit, required = false)]
    limit: Option<u32>,
}

/// A request for changes, whose values are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangesRequest {
    /// The state that the client has.
    pub since: i64,
    /// The maximum number of changes of a part.
    pub limit: u32,
}

impl Input for ListChanges {
    type Checked = ChangesRequest;

    const REQUIRED: &'static [(&'static str, &'static str)] = &[("since", "0")];

    fn check(self, _: bool) -> Result<ChangesRequest, FieldError> {
        Ok(ChangesRequest { since: self.since, limit: self.limit.unwrap_or(DEFAULT_LIMIT) })
    }
}

/// Deserializes a state.
pub(super) fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let state = text.parse().ok().filter(|state| *state >= 0);
    state.ok_or_else(|| serde::de::Error::custom("invalid value, expected an integer that is not negative"))
}

/// What has changed since a state.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeFeed {
    /// The tasks that were changed or deleted since, in the order of their last changes. Each task is there once, and between them
    /// each reminder that has fired. It can be empty although `has_more` is true.
    changes: Vec<TaskChange>,
    /// The state after these changes. It is `since` of the next request.
    state: i64,
    /// Whether there are changes after this state.
    has_more: bool,
}

/// A task that was changed or deleted, or a reminder of a task. Other types can be added: ignore those that you do not know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskChange {
    /// The task was created or changed.
    Changed {
        /// The task as it is now.
        task: Box<Task>,
    },
    /// The task was deleted.
    Deleted {
        /// The id of the task.
        id: i64,
        /// The number of the deletion.
        version: i64,
    },
    /// A reminder of the task has fired. The task itself was not changed.
    Reminder {
        /// The id of the task.
        id: i64,
        /// The number of the event. It is not a version of the task.
        version: i64,
        /// What has fired.
        reminder: FiredReminder,
    },
}

/// A reminder that has fired.
#[derive(Debug, Serialize, ToSchema)]
pub struct FiredReminder {
    /// The place of the reminder in `reminders` of the task, from 1.
    #[schema(minimum = 1, maximum = 5)]
    n: i16,
    /// The time for which it was set (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    at: DateTime<Utc>,
    /// The seconds by which it fired later than that. Only present if there are more than 10, for example after an outage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, minimum = 11)]
    late_by: Option<i64>,
}

impl From<tasks::FiredReminder> for TaskChange {
    fn from(fired: tasks::FiredReminder) -> Self {
        let tasks::FiredReminder { task_id, version, number, at, late_by } = fired;
        Self::Reminder { id: task_id, version, reminder: FiredReminder { n: number, at, late_by } }
    }
}

/// Returns the JSON of a part of the feed, see [`ChangeFeed`].
pub(crate) fn change_feed(feed: Feed, aliases: TaskAliases) -> Bytes {
    let mut json = Vec::with_capacity(64 + feed.items.len() * (RESERVED + 32));
    json.extend_from_slice(b"{\"changes\":[");
    let mut is_first = true;
    for item in feed.items {
        if !std::mem::take(&mut is_first) {
            json.push(b',');
        }
        write_change(item, aliases, &mut json);
    }
    json.extend_from_slice(format!("],\"state\":{},\"has_more\":{}}}", feed.state, feed.has_more).as_bytes());
    json.shrink_to_fit();
    json.into()
}

/// Appends the JSON of a change, see [`TaskChange`].
pub(super) fn write_change(item: FeedItem, aliases: TaskAliases, json: &mut Vec<u8>) {
    match item {
        FeedItem::Changed(task) => {
            json.extend_from_slice(b"{\"type\":\"changed\",\"task\":");
            write_task(task, aliases, json);
            json.push(b'}');
        }
        FeedItem::Deleted { id, version } => {
            let deleted = format!("{{\"type\":\"deleted\",\"id\":{id},\"version\":{version}}}");
            json.extend_from_slice(deleted.as_bytes());
        }
        // Numbers, a time and short names always serialize.
        FeedItem::Reminded(fired) => _ = serde_json::to_writer(json, &TaskChange::from(fired)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use service::tasks::{Priority, Tags};

    use super::*;

    #[test]
    fn the_feed_is_written_as_serde_writes_it() {
        let time = DateTime::from_timestamp_micros(1_769_851_800_123_456).unwrap();
        let task = tasks::Task {
            id: 7,
            title: "\"a\"".to_owned(),
            description: None,
            completed: false,
            created_at: time,
            updated_at: time,
            completed_at: None,
            priority: Priority::Low,
            tags: Tags::default(),
            due: None,
            series_id: None,
            occurrence: None,
            schedule: None,
        };
        for (ids, has_more) in [(0..0, true), (1..4, false)] {
            let deleted = |id| FeedItem::Deleted { id, version: 10 * id };
            let mut items = vec![FeedItem::Changed(task.clone())];
            items.extend(ids.map(deleted));
            for late_by in [None, Some(11)] {
                let fired = tasks::FiredReminder { task_id: 7, version: 90, number: 1, at: time, late_by };
                items.push(FeedItem::Reminded(fired));
            }
            let changes = items.iter().map(|item| match item {
                FeedItem::Changed(task) => {
                    TaskChange::Changed { task: Box::new(Task::new(task.clone(), TaskAliases::default())) }
                }
                FeedItem::Deleted { id, version } => TaskChange::Deleted { id: *id, version: *version },
                FeedItem::Reminded(fired) => TaskChange::from(*fired),
            });
            let expected = ChangeFeed { changes: changes.collect(), state: 99, has_more };
            let written = change_feed(Feed { items, state: 99, has_more }, TaskAliases::default());
            assert_eq!(written, serde_json::to_string(&expected).unwrap());
        }
    }
}
