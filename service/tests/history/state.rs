//! The model of a task: its state, and the effect of each write on it.

use entity::{task, task_change};
use serde::{Deserialize, Serialize};
use service::tasks::Task;

/// Everything of a task that can be read, but its id. Times are microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) completed_at: Option<i64>,
    pub(crate) priority: i16,
    pub(crate) tags: Vec<String>,
    pub(crate) due: Option<String>,
}

/// The fields that a request sets. An empty text removes the description or the due date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fields {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<i16>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) due: Option<String>,
}

/// A write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    Create(Fields),
    Change(i64, Fields),
    /// A change that is merged with those of others, if the version of its precondition is stale.
    Merge(i64, Fields),
    Toggle(i64),
    Delete(i64),
    Restore(i64),
    CompleteAll,
    DeleteCompleted,
    /// Erases all data of the owner.
    Erase,
}

impl Action {
    /// The task that the write names, if it names one.
    pub(crate) fn id(&self) -> Option<i64> {
        match self {
            Self::Change(id, _) | Self::Merge(id, _) | Self::Toggle(id) | Self::Delete(id) | Self::Restore(id) => {
                Some(*id)
            }
            Self::Create(_) | Self::CompleteAll | Self::DeleteCompleted | Self::Erase => None,
        }
    }

    /// The kind of the changes that it logs. An erasure logs none.
    pub(crate) fn kind(&self) -> Option<i16> {
        match self {
            Self::Create(_) => Some(1),
            Self::Change(..) | Self::Merge(..) | Self::Toggle(_) | Self::CompleteAll => Some(2),
            Self::Delete(_) | Self::DeleteCompleted => Some(3),
            Self::Restore(_) => Some(4),
            Self::Erase => None,
        }
    }

    /// The task after the write with this number, `None` if there is none then. `before` is the task that it finds; for a
    /// restoration it is the task as it was deleted. An error if such a write is impossible.
    pub(crate) fn apply(&self, before: Option<&State>, at: i64) -> Result<Option<State>, &'static str> {
        if let Self::Create(fields) = self {
            let new = State {
                title: String::new(),
                description: None,
                completed: false,
                created_at: at,
                updated_at: at,
                completed_at: None,
                priority: 0,
                tags: Vec::new(),
                due: None,
            };
            return if before.is_none() { Ok(Some(set(new, fields, at))) } else { Err("created a task that exists") };
        }
        let before = before.ok_or("wrote a task that does not exist")?.clone();
        let completed = |completed| Fields { completed: Some(completed), ..Fields::default() };
        match self {
            Self::Change(_, fields) | Self::Merge(_, fields) => Ok(Some(set(before, fields, at))),
            Self::Toggle(_) => {
                let flipped = completed(!before.completed);
                Ok(Some(set(before, &flipped, at)))
            }
            Self::CompleteAll if before.completed => Err("completed a task that was completed"),
            Self::CompleteAll => Ok(Some(set(before, &completed(true), at))),
            Self::DeleteCompleted if !before.completed => Err("deleted a task that was not completed"),
            Self::Delete(_) | Self::DeleteCompleted => Ok(None),
            Self::Restore(_) => Ok(Some(State { updated_at: at, ..before })),
            Self::Create(_) | Self::Erase => Err("logged a change"),
        }
    }
}

impl Fields {
    /// Whether a field that the request sets was changed between these states, to something else than the request wants.
    pub(crate) fn conflicts(&self, base: &State, current: &State) -> bool {
        let wanted = set(current.clone(), self, current.updated_at);
        let differs = |of: fn(&State) -> String| of(base) != of(current) && of(current) != of(&wanted);
        differs(|state| state.title.clone())
            || differs(|state| format!("{:?}", state.description))
            || differs(|state| state.completed.to_string())
            || differs(|state| state.priority.to_string())
            || differs(|state| format!("{:?}", state.tags))
            || differs(|state| format!("{:?}", state.due))
    }
}

fn set(mut state: State, fields: &Fields, at: i64) -> State {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let Fields { title, description, completed, priority, tags, due } = fields;
    if let Some(title) = title {
        state.title.clone_from(title);
    }
    if let Some(description) = description {
        state.description = text(description);
    }
    if let Some(completed) = completed {
        state.completed = *completed;
        state.completed_at = completed.then(|| state.completed_at.unwrap_or(at));
    }
    if let Some(priority) = priority {
        state.priority = *priority;
    }
    if let Some(tags) = tags {
        state.tags.clone_from(tags);
    }
    if let Some(due) = due {
        state.due = text(due);
    }
    state.updated_at = at;
    state
}

impl From<&Task> for State {
    fn from(task: &Task) -> Self {
        // A field that is added later must be added here, or this does not compile.
        let Task {
            id: _,
            title,
            description,
            completed,
            created_at,
            updated_at,
            completed_at,
            priority,
            tags,
            due,
            // The clients of this test write plain tasks.
            series_id: None,
            occurrence: None,
            schedule: None,
        } = task
        else {
            panic!("a task with a schedule: {task:?}")
        };
        Self {
            title: title.clone(),
            description: description.clone(),
            completed: *completed,
            created_at: created_at.timestamp_micros(),
            updated_at: updated_at.timestamp_micros(),
            completed_at: completed_at.map(|time| time.timestamp_micros()),
            priority: *priority as i16,
            tags: tags.iter().map(str::to_owned).collect(),
            due: due.as_ref().map(|due| due.as_str().to_owned()),
        }
    }
}

impl From<task::Model> for State {
    fn from(row: task::Model) -> Self {
        Self {
            title: row.title,
            description: row.description,
            completed: row.completed,
            created_at: row.created_at.timestamp_micros(),
            updated_at: row.updated_at.timestamp_micros(),
            completed_at: row.completed_at.map(|time| time.timestamp_micros()),
            priority: row.priority,
            tags: serde_json::from_str(&row.tags).unwrap(),
            due: row.due_date,
        }
    }
}

impl State {
    /// The task as it was before a change, `None` if the change keeps nothing.
    pub(crate) fn before(change: task_change::Model) -> Option<Self> {
        Some(Self {
            title: change.title?,
            description: change.description,
            completed: change.completed?,
            created_at: change.created_at?.timestamp_micros(),
            updated_at: change.updated_at?.timestamp_micros(),
            completed_at: change.completed_at.map(|time| time.timestamp_micros()),
            priority: change.priority?,
            tags: serde_json::from_str(&change.tags?).unwrap(),
            due: change.due_date,
        })
    }
}
