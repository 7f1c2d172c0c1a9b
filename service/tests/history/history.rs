//! Everything that is known after a run: the journals of the clients, the tables, and what the readers have seen.

use std::collections::{BTreeMap, HashMap};

use entity::{task, task_change, task_owner};
use sea_orm::{DatabaseConnection, EntityTrait, QueryOrder};

use crate::journal::Entry;
use crate::reader::Seen;
use crate::state::State;

/// A row of `task_change`.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) at: i64,
    pub(crate) task_id: i64,
    pub(crate) kind: i16,
    /// The name of the attempt.
    pub(crate) actor: Option<String>,
    pub(crate) before: Option<State>,
}

/// Everything about an owner at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnerHistory {
    /// The row of `task_owner`.
    pub(crate) row: Option<task_owner::Model>,
    /// The log, in the order of its numbers.
    pub(crate) log: Vec<Logged>,
    pub(crate) tasks: BTreeMap<i64, State>,
    pub(crate) seen: Seen,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The journals of all processes, in the order of time.
    pub(crate) entries: Vec<Entry>,
    pub(crate) owners: BTreeMap<String, OwnerHistory>,
    /// The number of deadlocks that the database has counted.
    pub(crate) deadlocks: i64,
}

impl History {
    /// Reads the tables. Nothing may write any more.
    pub(crate) async fn load(
        connection: &DatabaseConnection,
        mut entries: Vec<Entry>,
        seen: HashMap<&'static str, Seen>,
        deadlocks: i64,
    ) -> Self {
        entries.sort_by_key(|entry| entry.time);
        let mut owners: BTreeMap<String, OwnerHistory> = BTreeMap::new();
        for (owner, seen) in seen {
            owners.entry(owner.to_owned()).or_default().seen = seen;
        }
        for row in task_owner::Entity::find().all(connection).await.unwrap() {
            let owner = owners.entry(row.user_id.clone()).or_default();
            owner.row = Some(row);
        }
        for row in task::Entity::find().all(connection).await.unwrap() {
            let tasks = &mut owners.entry(row.user_id.clone()).or_default().tasks;
            tasks.insert(row.id, State::from(row));
        }
        for row in task_change::Entity::find().order_by_asc(task_change::Column::At).all(connection).await.unwrap() {
            let log = &mut owners.entry(row.user_id.clone()).or_default().log;
            let (at, task_id, kind, actor) = (row.at, row.task_id, row.kind, row.actor.clone());
            log.push(Logged { at, task_id, kind, actor, before: State::before(row) });
        }
        Self { entries, owners, deadlocks }
    }
}
