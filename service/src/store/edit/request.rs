use migration::fold;

use crate::Caller;
use crate::model::{Changes, NewTask, Tags};
use crate::store::statement::Sent;
use chrono::{DateTime, TimeDelta, Utc};

/// A write.
#[derive(Debug)]
pub(crate) enum Edit {
    /// Creates a task.
    Create(NewTask),
    /// Changes the given fields of the task with this id.
    Change(i64, Changes),
    /// Flips whether the task with this id is completed.
    Toggle(i64),
    /// Deletes the task with this id.
    Delete(i64),
    /// Completes every task of the caller that is not completed.
    CompleteAll,
    /// Deletes every completed task of the caller.
    DeleteCompleted,
    /// Erases all data of the caller.
    Erase,
}

/// A kind of edits that one statement does. A toggle is a change: both must keep their order if they concern the same task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum EditKind {
    Create,
    Change,
    Delete,
    CompleteAll,
    DeleteCompleted,
    Erase,
}

/// An edit as the statements take it.
#[derive(Debug)]
pub(in crate::store) struct EditRequest {
    pub(in crate::store) caller: Caller,
    pub(in crate::store) id: Option<i64>,
    pub(in crate::store) changes: Changes,
    pub(in crate::store) flips: bool,
    pub(in crate::store) derived: Derived,
}

/// The stored texts that are made from values. They are made when the request arrives, not while a batch is in flight.
#[derive(Debug, Default)]
pub(in crate::store) struct Derived {
    pub(in crate::store) title_folded: Option<String>,
    pub(in crate::store) description_folded: Option<String>,
    pub(in crate::store) tags: Option<String>,
    pub(in crate::store) tags_folded: Option<String>,
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
    /// The kind of the edit, and the edit as the statements take it.
    pub(in crate::store) fn of(self, caller: Caller) -> (EditKind, EditRequest) {
        let (kind, id, changes, flips) = match self {
            Self::Create(new) => (EditKind::Create, None, Changes::from(new), false),
            Self::Change(id, changes) => (EditKind::Change, Some(id), changes, false),
            Self::Toggle(id) => (EditKind::Change, Some(id), Changes::default(), true),
            Self::Delete(id) => (EditKind::Delete, Some(id), Changes::default(), false),
            Self::CompleteAll => (EditKind::CompleteAll, None, Changes::default(), false),
            Self::DeleteCompleted => (EditKind::DeleteCompleted, None, Changes::default(), false),
            Self::Erase => (EditKind::Erase, None, Changes::default(), false),
        };
        let derived = Derived::of(&changes);
        (kind, EditRequest { caller, id, changes, flips, derived })
    }
}

impl EditRequest {
    /// The order in which rows are locked.
    pub(super) fn id_and_owner(&self) -> (Option<i64>, &str) {
        (self.id, self.caller.user_id().as_str())
    }
}

impl<'a, R> Sent<'a, R> {
    /// The requests in the order of their places.
    pub(in crate::store) fn all(requests: &'a [R], now: DateTime<Utc>) -> Vec<Self> {
        requests.iter().enumerate().map(|(place, request)| Self { request, place, now }).collect()
    }

    /// The creation time of the new task at this place: a microsecond after the one before.
    pub(in crate::store) fn created_at(&self) -> DateTime<Utc> {
        self.now + TimeDelta::microseconds(i64::try_from(self.place).unwrap_or_default())
    }
}
