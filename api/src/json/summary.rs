use serde::Serialize;
use service::tasks;
use utoipa::ToSchema;

/// How many tasks you have, of each kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// All tasks.
    all: u64,
    /// Tasks that are not completed.
    pending: u64,
    /// Tasks that are completed.
    completed: u64,
    /// The tasks of `?due=overdue`.
    overdue: u64,
    /// The tasks of `?due=today&status=pending`.
    due_today: u64,
    /// All tasks, by priority.
    by_priority: ByPriority,
    /// All tasks, by tag, in the order of the tags' names.
    by_tag: Vec<TagCount>,
}

/// How many tasks have each priority.
#[derive(Debug, Serialize, ToSchema)]
pub struct ByPriority {
    none: u64,
    low: u64,
    medium: u64,
    high: u64,
}

/// How many tasks have a tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagCount {
    /// The tag, in its most frequent spelling.
    name: String,
    /// The number of tasks that have it.
    count: u64,
}

impl From<tasks::TagCount> for TagCount {
    fn from(tag: tasks::TagCount) -> Self {
        Self { name: tag.name, count: tag.count }
    }
}

impl From<tasks::Summary> for Summary {
    fn from(summary: tasks::Summary) -> Self {
        let [none, low, medium, high] = summary.by_priority;
        Self {
            all: summary.all,
            pending: summary.pending,
            completed: summary.completed,
            overdue: summary.overdue,
            due_today: summary.due_today,
            by_priority: ByPriority { none, low, medium, high },
            by_tag: summary.by_tag.into_iter().map(TagCount::from).collect(),
        }
    }
}
