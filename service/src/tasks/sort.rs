use ::entity::task::Column;
use chrono::{DateTime, Utc};
use migration::fold;
use sea_orm::DbBackend;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Order, SelectStatement, Value};
use serde::{Deserialize, Serialize};

use super::due::Due;
use super::task::Task;

/// The order of a list: the first key that tells two tasks apart decides; where none does the id does, in the direction of the
/// last key. Newest first unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sort(Vec<SortBy>);

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SortBy {
    /// What is compared.
    pub key: SortKey,
    /// From high to low.
    pub descending: bool,
}

/// What tasks can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SortKey {
    /// When it was created.
    CreatedAt,
    /// When it was last written.
    UpdatedAt,
    /// When it is due: an instant, or the end of its day in UTC. Tasks without a due date come last in both directions.
    DueDate,
    /// From none to high.
    Priority,
    /// Without case and accents (see [`fold`]), by code point.
    Title,
}

/// Where a list has got to: behind the task with these keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    keys: Vec<Key>,
    id: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Key {
    Time(DateTime<Utc>),
    Number(i16),
    Text(String),
}

impl Default for Sort {
    fn default() -> Self {
        Self(vec![SortBy { key: SortKey::CreatedAt, descending: true }])
    }
}

impl Sort {
    /// An order by these keys, in turn. A key that comes again decides nothing more, in either direction, and is left out.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = SortBy>) -> Self {
        let mut sort = Vec::<SortBy>::new();
        for by in keys {
            if sort.iter().all(|earlier| earlier.key != by.key) {
                sort.push(by);
            }
        }
        if sort.is_empty() { Self::default() } else { Self(sort) }
    }

    /// Sorts a list, and starts it behind `after`.
    pub(super) fn apply(&self, list: &mut SelectStatement, after: Option<&Position>, backend: DbBackend) {
        for (column, descending) in self.columns(backend) {
            list.order_by_expr(column, if descending { Order::Desc } else { Order::Asc });
        }
        if let Some(position) = after {
            list.cond_where(self.behind(position, backend));
        }
    }

    /// Where `task` stands in this order; `title` is what its title is sorted by.
    pub(super) fn position(&self, task: &Task, title: Option<&str>) -> Position {
        Position { keys: self.0.iter().map(|by| by.of(task, title)).collect(), id: task.id }
    }

    /// What titles are sorted by, as it is stored, where this order needs it: another version of this program may have folded
    /// it otherwise.
    pub(super) fn title_key(&self) -> Option<Column> {
        self.0.iter().any(|by| by.key == SortKey::Title).then_some(Column::TitleFolded)
    }

    /// Whether an index has this order.
    pub(super) fn is_indexed(&self) -> bool {
        self.0.len() == 1 && self.0[0].key != SortKey::UpdatedAt
    }

    /// The keys and the id, as they are compared, and the direction of each.
    fn columns(&self, backend: DbBackend) -> Vec<(Expr, bool)> {
        let id_descends = self.0.last().is_some_and(|by| by.descending);
        let keys = self.0.iter().map(|by| (by.column(backend), by.descending));
        keys.chain([(Expr::col(Column::Id), id_descends)]).collect()
    }

    /// That a task comes after `position`. An index that has these columns is entered at this place, however far down the list
    /// it is.
    fn behind(&self, position: &Position, backend: DbBackend) -> Condition {
        let columns = self.columns(backend);
        let values: Vec<Value> = position.keys.iter().map(Key::value).chain([position.id.into()]).collect();
        let (first, descends) = columns[0].clone();
        // It follows from the rest, and is what an index is entered by where the directions differ.
        let from = Expr::val(values[0].clone());
        let all = Condition::all().add(if descends { first.lte(from) } else { first.gte(from) });
        if columns.iter().all(|(_, descending)| *descending == descends) {
            let columns = Expr::tuple(columns.into_iter().map(|(column, _)| column));
            let values = Expr::tuple(values.into_iter().map(Expr::val));
            return all.add(if descends { columns.lt(values) } else { columns.gt(values) });
        }
        // Equal in the first keys, and behind in the next.
        let mut behind = Condition::any();
        for (n, (column, descending)) in columns.iter().enumerate() {
            let mut here = Condition::all();
            for ((column, _), value) in columns.iter().zip(&values).take(n) {
                here = here.add(column.clone().eq(value.clone()));
            }
            let value = values[n].clone();
            here = here.add(if *descending { column.clone().lt(value) } else { column.clone().gt(value) });
            behind = behind.add(here);
        }
        all.add(behind)
    }
}

impl SortBy {
    /// As it is compared in the database; the indexes have the same expressions.
    fn column(self, backend: DbBackend) -> Expr {
        match self.key {
            SortKey::CreatedAt => Expr::col(Column::CreatedAt),
            SortKey::UpdatedAt => Expr::col(Column::UpdatedAt),
            SortKey::Priority => Expr::col(Column::Priority),
            SortKey::Title => Expr::col(Column::TitleFolded),
            SortKey::DueDate => Expr::cust(match (backend, self.descending) {
                (DbBackend::Postgres, false) => "COALESCE(due_at, timestamptz '9999-12-31T23:59:59.999999+00:00')",
                (DbBackend::Postgres, true) => "COALESCE(due_at, timestamptz '0001-01-01T00:00:00+00:00')",
                // The same, as columns that are computed.
                (_, false) => "due_or_latest",
                (_, true) => "due_or_earliest",
            }),
        }
    }

    fn of(self, task: &Task, title: Option<&str>) -> Key {
        match self.key {
            SortKey::CreatedAt => Key::Time(task.created_at),
            SortKey::UpdatedAt => Key::Time(task.updated_at),
            SortKey::Priority => Key::Number(task.priority.to_stored()),
            SortKey::Title => Key::Text(title.map_or_else(|| fold(&task.title), str::to_owned)),
            SortKey::DueDate => {
                let none = if self.descending { Due::EARLIEST } else { Due::LATEST };
                Key::Time(task.due.as_ref().map_or(none.and_utc(), Due::at))
            }
        }
    }
}

impl Key {
    fn value(&self) -> Value {
        match self {
            Self::Time(time) => time.fixed_offset().into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.clone().into(),
        }
    }
}
