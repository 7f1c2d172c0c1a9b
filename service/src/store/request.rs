use chrono::{DateTime, Utc};
use migration::fold;

use crate::Caller;
use crate::model::{Changes, IdempotencyKey, NewTask, ScheduledEdit, Tags, Task};

/// A write to one task.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Creates a task.
    Create(NewTask),
    /// Changes the given fields of the task with this id.
    Change(i64, Changes),
    /// Flips whether the task with this id is completed.
    Toggle(i64),
    /// Deletes the task with this id.
    Delete(i64),
}

/// A write to many tasks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkEdit {
    /// Completes every task that is not completed.
    CompleteAll,
    /// Deletes every completed task.
    DeleteCompleted,
    /// Deletes every task.
    Erase,
}

/// A kind of edits that one statement does. A toggle is a change: both must keep their order if they concern the same task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditKind {
    Create,
    Change,
    Delete,
}

/// An edit as the statements take it.
#[derive(Debug)]
pub(super) struct EditRequest {
    pub(super) caller: Caller,
    pub(super) id: Option<i64>,
    pub(super) changes: Changes,
    pub(super) flips: bool,
    /// The version that the task must have, if it must have one.
    pub(super) if_version: Option<i64>,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) derived: Derived,
}

/// The stored texts that are made from values. They are made when the request arrives, not while a batch is in flight.
#[derive(Debug, Default)]
pub(super) struct Derived {
    pub(super) title_folded: Option<String>,
    pub(super) description_folded: Option<String>,
    pub(super) tags: Option<String>,
    pub(super) tags_folded: Option<String>,
}

impl Derived {
    fn of(changes: &Changes) -> Self {
        let tags = changes.tags.value();
        Self {
            title_folded: changes.title.value().map(|title| fold(title.as_str())),
            description_folded: changes.description.value().and_then(Option::as_ref).map(|text| fold(text.as_str())),
            tags: tags.map(Tags::to_stored),
            tags_folded: tags.map(Tags::to_stored_folded),
        }
    }
}

impl Edit {
    /// Whether the edit makes a task that has a schedule.
    pub(crate) fn adds_schedule(&self) -> bool {
        let schedule = match self {
            Self::Create(new) => &new.schedule,
            Self::Change(_, changes) => &changes.schedule,
            Self::Toggle(_) | Self::Delete(_) => &None,
        };
        schedule.as_ref().is_some_and(|schedule| schedule.adds())
    }

    /// The edit as it is done to a task that has a schedule: its kind, the task and the changes.
    pub(crate) fn scheduled(self) -> (ScheduledEdit, Option<i64>, Changes) {
        match self {
            Self::Create(new) => (ScheduledEdit::Create, None, Changes::from(new)),
            Self::Change(id, changes) => (ScheduledEdit::Change, Some(id), changes),
            Self::Toggle(id) => (ScheduledEdit::Toggle, Some(id), Changes::default()),
            Self::Delete(id) => (ScheduledEdit::Delete, Some(id), Changes::default()),
        }
    }

    /// The kind of the edit, and the edit as the statements take it.
    pub(super) fn of(
        self,
        caller: Caller,
        if_version: Option<i64>,
        key: Option<IdempotencyKey>,
    ) -> (EditKind, EditRequest) {
        let flips = matches!(self, Self::Toggle(_));
        let (kind, id, changes) = match self {
            Self::Create(new) => (EditKind::Create, None, Changes::from(new)),
            Self::Change(id, changes) => (EditKind::Change, Some(id), changes),
            Self::Toggle(id) => (EditKind::Change, Some(id), Changes::default()),
            Self::Delete(id) => (EditKind::Delete, Some(id), Changes::default()),
        };
        (kind, EditRequest { flips, if_version, key, ..EditRequest::of(caller, id, changes) })
    }
}

impl EditRequest {
    /// The request to change the given fields of a task.
    pub(super) fn of(caller: Caller, id: Option<i64>, changes: Changes) -> Self {
        let derived = Derived::of(&changes);
        Self { caller, id, changes, flips: false, if_version: None, key: None, derived }
    }

    /// The id and the owner, which identify a returned row.
    pub(super) fn id_and_owner(&self) -> (Option<i64>, &str) {
        (self.id, self.caller.user_id().as_str())
    }

    /// The task that this request creates, if it creates one.
    pub(super) fn created(&self, id: i64, at: DateTime<Utc>) -> Option<Task> {
        let Changes { title, description, completed, priority, tags, due, schedule: _ } = &self.changes;
        Some(Task {
            id,
            title: title.value()?.as_str().to_owned(),
            description: description.value()?.as_ref().map(|text| text.as_str().to_owned()),
            completed: *completed.value()?,
            created_at: at,
            updated_at: at,
            completed_at: None,
            priority: *priority.value()?,
            tags: tags.value()?.clone(),
            due: due.value()?.clone(),
            series_id: None,
            occurrence: None,
            schedule: None,
        })
    }
}
