//! Statements that write whole rows from bound values. Nothing of them is computed by the database.

use std::sync::LazyLock;

use ::entity::task::{Column, Entity};
use ::entity::{task_change, task_reminder};
use chrono::DateTime;
use migration::fold;
use sea_orm::IdenStatic;
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, Order, Query, ReturningClause};

use super::sequence;
use super::steps::{self, Kind};
use crate::model::{ReminderTime, Task};
use crate::recurrence::Slot;
use crate::store::columns::{IMAGE, read};
use crate::store::dialect::{Dialect, request, task};
use crate::store::image::{self, HasImage};
use crate::store::input::{Input, InputValue, Sent};
use crate::store::request::EditRequest;
use crate::store::statement::{Cell, Inserted, Statement};

/// A task as the statements take it.
#[derive(Debug)]
pub(super) struct WholeTask {
    pub(super) user_id: String,
    pub(super) actor: Option<String>,
    /// The task as it is after the write.
    pub(super) task: Task,
    title_folded: String,
    description_folded: Option<String>,
    tags: String,
    tags_folded: String,
    schedule: Option<String>,
}

impl WholeTask {
    /// The stored texts that the task does not have are made from it.
    pub(super) fn new(request: &EditRequest, task: Task) -> Self {
        Self {
            user_id: request.caller.user_id().as_str().to_owned(),
            actor: request.caller.actor().map(str::to_owned),
            title_folded: fold(&task.title),
            description_folded: task.description.as_deref().map(fold),
            tags: task.tags.to_stored(),
            tags_folded: task.tags.to_stored_folded(),
            schedule: task.schedule.as_ref().map(|schedule| schedule.to_stored()),
            task,
        }
    }

    /// The task of an image, with a new version.
    pub(super) fn restored(request: &EditRequest, image: Task, at: i64) -> Self {
        let updated_at = DateTime::from_timestamp_micros(at).unwrap_or(image.updated_at);
        Self::new(request, Task { updated_at, ..image })
    }
}

type TaskStatement = LazyLock<Statement<WholeTask>>;

/// Every column of a task.
static COLUMNS: [(Column, Input<WholeTask>); 18] = [
    (Column::Id, Input { name: "id", value: InputValue::BigInt(|sent| Some(sent.request.task.id)) }),
    (Column::UserId, text("user_id", |sent| Some(&sent.request.user_id))),
    (Column::Title, text("title", |sent| Some(&sent.request.task.title))),
    (Column::TitleFolded, text("title_folded", |sent| Some(&sent.request.title_folded))),
    (Column::Description, text("description", |sent| sent.request.task.description.as_deref())),
    (Column::DescriptionFolded, text("description_folded", |sent| sent.request.description_folded.as_deref())),
    (Column::Completed, Input { name: "completed", value: InputValue::Bool(|sent| Some(sent.request.task.completed)) }),
    (
        Column::CreatedAt,
        Input { name: "created_at", value: InputValue::Time(|sent| Some(sent.request.task.created_at)) },
    ),
    (
        Column::UpdatedAt,
        Input { name: "updated_at", value: InputValue::Time(|sent| Some(sent.request.task.updated_at)) },
    ),
    (
        Column::CompletedAt,
        Input { name: "completed_at", value: InputValue::Time(|sent| sent.request.task.completed_at) },
    ),
    (
        Column::Priority,
        Input { name: "priority", value: InputValue::SmallInt(|sent| Some(sent.request.task.priority.to_stored())) },
    ),
    (Column::Tags, text("tags", |sent| Some(&sent.request.tags))),
    (Column::TagsFolded, text("tags_folded", |sent| Some(&sent.request.tags_folded))),
    (Column::DueDate, text("due_date", |sent| Some(sent.request.task.due.as_ref()?.as_str()))),
    (
        Column::DueAt,
        Input { name: "due_at", value: InputValue::Time(|sent| Some(sent.request.task.due.as_ref()?.at())) },
    ),
    (Column::SeriesId, Input { name: "series_id", value: InputValue::BigInt(|sent| sent.request.task.series_id) }),
    (Column::Occurrence, text("occurrence", |sent| Some(sent.request.task.occurrence.as_ref()?.as_str()))),
    (Column::Schedule, text("schedule", |sent| sent.request.schedule.as_deref())),
];

pub(super) const fn text(
    name: &'static str,
    value: for<'a> fn(&Sent<'a, WholeTask>) -> Option<&'a str>,
) -> Input<WholeTask> {
    Input { name, value: InputValue::Text(value) }
}

/// Adds tasks that have an id.
pub(super) static INSERT_WITH_ID: TaskStatement = LazyLock::new(|| insert(&COLUMNS, None));

/// Adds tasks without an id. Each row has the id, the owner and the time of creation, which no other task of the owner has.
pub(super) static INSERT: TaskStatement = LazyLock::new(|| {
    let returned = [Column::Id, Column::UserId, Column::CreatedAt];
    insert(&COLUMNS[1..], Some(&Query::returning().columns(returned)))
});

fn insert(columns: &'static [(Column, Input<WholeTask>)], returned: Option<&ReturningClause>) -> Statement<WholeTask> {
    Statement::insert(columns.iter().map(|(_, input)| *input).collect(), || {
        let mut insert = Query::insert().into_table(Entity).to_owned();
        if let Some(returned) = returned {
            insert.returning(returned.clone());
        }
        let cells = columns.iter().map(|(column, input)| (column.into_iden(), Cell::Input(input.name)));
        Inserted { insert, columns: cells.collect() }
    })
}

/// Sets every column of tasks.
pub(super) static UPDATE: TaskStatement = LazyLock::new(|| {
    Statement::new(COLUMNS.iter().map(|(_, input)| *input).collect(), |dialect, requests| {
        let changes = |column: Column| !matches!(column, Column::Id | Column::UserId | Column::CreatedAt);
        let mut update = Query::update();
        update.table(Entity);
        for (column, input) in COLUMNS.iter().filter(|(column, _)| changes(*column)) {
            update.value(*column, request(input.name));
        }
        if let Some(requests) = requests.table() {
            update.from(requests);
        }
        dialect.text(update.and_where(steps::is_named(dialect)))
    })
});

/// A task by its owner and id, and the series to which it belongs.
#[derive(Debug)]
pub(super) struct NamedTask {
    pub(super) user_id: String,
    pub(super) id: i64,
    pub(super) series_id: Option<i64>,
}

const NAMED_OWNER: Input<NamedTask> =
    Input { name: "user_id", value: InputValue::Text(|sent| Some(&sent.request.user_id)) };
const NAMED_ID: Input<NamedTask> = Input { name: "id", value: InputValue::BigInt(|sent| Some(sent.request.id)) };
const NAMED_SERIES: Input<NamedTask> =
    Input { name: "series_id", value: InputValue::BigInt(|sent| sent.request.series_id) };

type NamedStatement = LazyLock<Statement<NamedTask>>;

/// Reads tasks, with their owners.
pub(super) static NAMED: NamedStatement = LazyLock::new(|| {
    Statement::new(vec![NAMED_OWNER, NAMED_ID], |dialect, requests| {
        let mut named = sequence::joined(dialect, requests, steps::is_named(dialect));
        dialect.text(named.columns(read()).expr(task(Column::UserId)))
    })
});

/// Reads the open tasks of series, with their owners.
pub(super) static OPEN_OF_SERIES: NamedStatement = LazyLock::new(|| {
    Statement::new(vec![NAMED_OWNER, NAMED_SERIES], |dialect, requests| {
        let is_of_series =
            task(Column::UserId).eq(dialect.owner()).and(task(Column::SeriesId).eq(request("series_id")));
        let mut open = sequence::joined(dialect, requests, is_of_series.and(task(Column::Completed).not()));
        dialect.text(open.columns(read()).expr(task(Column::UserId)))
    })
});

/// Reads the last occurrence of the series of each task without the task itself: the id and the owner of the task, and the text
/// of the occurrence, or null.
pub(super) static LAST_OTHER: NamedStatement = LazyLock::new(|| {
    Statement::new(vec![NAMED_OWNER, NAMED_ID, NAMED_SERIES], |dialect, requests| {
        let last = Query::select()
            .expr(task(Column::Occurrence))
            .from(Entity)
            .and_where(task(Column::UserId).eq(dialect.owner()))
            .and_where(task(Column::SeriesId).eq(request("series_id")))
            .and_where(task(Column::Id).ne(request("id")))
            .order_by((Entity, Column::Occurrence), Order::Desc)
            .limit(1)
            .to_owned();
        let mut select = Query::select();
        select.exprs([request("id"), request("user_id"), Expr::SubQuery(None, Box::new(last.into()))]);
        if let Some(requests) = requests.table() {
            select.from(requests);
        }
        dialect.text(&select)
    })
});

/// Reads which of these occurrences exist: the owner, the series and the occurrence.
pub(super) static OCCURRENCES: TaskStatement = LazyLock::new(|| {
    let inputs = vec![
        text("user_id", |sent| Some(&sent.request.user_id)),
        Input { name: "series_id", value: InputValue::BigInt(|sent| sent.request.task.series_id) },
        text("occurrence", |sent| sent.request.task.occurrence.as_deref().map(Slot::as_str)),
    ];
    Statement::new(inputs, |dialect, requests| {
        let is_occurrence = task(Column::UserId)
            .eq(dialect.owner())
            .and(task(Column::SeriesId).eq(request("series_id")))
            .and(task(Column::Occurrence).eq(request("occurrence")));
        let mut existing = sequence::joined(dialect, requests, is_occurrence);
        dialect.text(existing.exprs([Column::UserId, Column::SeriesId, Column::Occurrence].map(task)))
    })
});

/// Deletes tasks.
pub(super) static DELETE: NamedStatement = LazyLock::new(|| {
    Statement::new(vec![NAMED_OWNER, NAMED_ID], |dialect, requests| {
        let Some(requests) = requests.table() else {
            return dialect.text(&steps::delete_one(steps::is_named(dialect)));
        };
        let named = Query::select().exprs(["id", "user_id"].map(request)).from(requests).to_owned();
        dialect.text(&steps::delete(dialect, named))
    })
});

/// A change of the log.
#[derive(Debug)]
pub(super) struct LoggedTask {
    user_id: String,
    actor: Option<String>,
    kind: Kind,
    at: i64,
    id: i64,
    /// The task before the change, with the stored texts of its tags and schedule.
    image: Option<(Task, String, Option<String>)>,
}

impl LoggedTask {
    /// The change with this number. `image` is the task before it.
    pub(super) fn new(request: &EditRequest, kind: Kind, at: i64, id: i64, image: Option<Task>) -> Self {
        let with_texts = |task: Task| {
            let (tags, schedule) = (task.tags.to_stored(), task.schedule.as_ref().map(|schedule| schedule.to_stored()));
            (task, tags, schedule)
        };
        Self {
            user_id: request.caller.user_id().as_str().to_owned(),
            actor: request.caller.actor().map(str::to_owned),
            kind,
            at,
            id,
            image: image.map(with_texts),
        }
    }
}

impl HasImage for LoggedTask {
    fn image(&self) -> Option<&Task> {
        self.image.as_ref().map(|(task, ..)| task)
    }

    fn tags(&self) -> Option<&str> {
        self.image.as_ref().map(|(_, tags, _)| tags.as_str())
    }

    fn schedule(&self) -> Option<&str> {
        self.image.as_ref()?.2.as_deref()
    }
}

/// Adds changes to the log. Their images are bound values.
pub(super) static LOG: LazyLock<Statement<LoggedTask>> = LazyLock::new(|| {
    let mut inputs: Vec<Input<LoggedTask>> = vec![
        Input { name: "user_id", value: InputValue::Text(|sent| Some(&sent.request.user_id)) },
        Input { name: "at", value: InputValue::BigInt(|sent| Some(sent.request.at)) },
        Input { name: "task_id", value: InputValue::BigInt(|sent| Some(sent.request.id)) },
        Input { name: "kind", value: InputValue::SmallInt(|sent| Some(sent.request.kind as i16)) },
        Input { name: "actor", value: InputValue::Text(|sent| sent.request.actor.as_deref()) },
    ];
    inputs.extend(image::inputs());
    Statement::insert(inputs, || {
        use task_change::Column::{Actor, At, Kind, TaskId, UserId};
        let fixed = [UserId, At, TaskId, Kind, Actor].into_iter();
        let fixed = fixed.map(|column| (column.into_iden(), Cell::Input(column.as_str())));
        let image = IMAGE.iter().map(|(_, kept, _)| kept.into_iden()).zip(image::cells::<LoggedTask>());
        let insert = Query::insert().into_table(task_change::Entity).to_owned();
        Inserted { insert, columns: fixed.chain(image).collect() }
    })
});

/// A reminder of a task.
#[derive(Debug)]
pub(super) struct ReminderRow {
    pub(super) user_id: String,
    pub(super) task_id: i64,
    pub(super) time: ReminderTime,
}

const REMINDER_KEY: [Input<ReminderRow>; 3] = [
    Input { name: "user_id", value: InputValue::Text(|sent| Some(&sent.request.user_id)) },
    Input { name: "task_id", value: InputValue::BigInt(|sent| Some(sent.request.task_id)) },
    Input { name: "n", value: InputValue::SmallInt(|sent| Some(sent.request.time.0)) },
];

type ReminderStatement = LazyLock<Statement<ReminderRow>>;

/// Deletes reminders.
pub(super) static DELETE_REMINDERS: ReminderStatement = LazyLock::new(|| {
    Statement::new(REMINDER_KEY.to_vec(), |dialect, requests| {
        use task_reminder::Column::{N, TaskId, UserId};
        let of_reminder = |column| Expr::col((task_reminder::Entity, column));
        let key = [UserId, TaskId, N].map(of_reminder);
        let Some(requests) = requests.table() else {
            let mut delete = Query::delete().from_table(task_reminder::Entity).to_owned();
            delete
                .and_where(of_reminder(UserId).eq(dialect.owner()))
                .and_where(of_reminder(TaskId).eq(request("task_id")))
                .and_where(of_reminder(N).eq(request("n")));
            return dialect.text(&delete);
        };
        let named = Query::select().exprs(["user_id", "task_id", "n"].map(request)).from(requests).to_owned();
        let mut delete =
            Query::delete().from_table(task_reminder::Entity).and_where(Expr::tuple(key).in_subquery(named)).to_owned();
        if dialect == Dialect::PostgresByOwner {
            delete.and_where(Expr::col((task_reminder::Entity, UserId)).eq(dialect.owner()));
        }
        dialect.text(&delete)
    })
});

/// Adds reminders that have not fired.
pub(super) static INSERT_REMINDERS: ReminderStatement = LazyLock::new(|| {
    let at = Input { name: "at", value: InputValue::BigInt(|sent: &Sent<'_, ReminderRow>| Some(sent.request.time.1)) };
    Statement::insert(REMINDER_KEY.into_iter().chain([at]).collect(), || {
        use task_reminder::Column::{At, N, TaskId, UserId};
        let cells = [UserId, TaskId, N, At].map(|column| (column.into_iden(), Cell::Input(column.as_str())));
        Inserted { insert: Query::insert().into_table(task_reminder::Entity).to_owned(), columns: cells.into() }
    })
});

/// The statements, by name.
#[cfg(test)]
pub(super) fn texts() -> [crate::store::statement::Texts; 11] {
    [
        INSERT_WITH_ID.texts("recreate", false, ""),
        INSERT.texts("create_whole", false, ""),
        UPDATE.texts("change_whole", false, ""),
        NAMED.texts("named", false, ""),
        OPEN_OF_SERIES.texts("open_of_series", false, ""),
        LAST_OTHER.texts("last_other", false, ""),
        OCCURRENCES.texts("occurrences", false, ""),
        DELETE.texts("delete_whole", false, ""),
        LOG.texts("log_whole", false, ""),
        DELETE_REMINDERS.texts("delete_reminders", false, ""),
        INSERT_REMINDERS.texts("create_reminders", false, ""),
    ]
}

#[cfg(test)]
mod tests {
    use ::entity::task::Column;
    use sea_orm::{Iden, Iterable};

    use super::COLUMNS;

    #[test]
    fn a_whole_row_has_every_column_of_a_task() {
        let all: Vec<_> = Column::iter().map(|column| column.to_string()).collect();
        let mut written: Vec<_> = COLUMNS.iter().map(|(column, _)| column.to_string()).collect();
        assert!(COLUMNS.iter().all(|(column, input)| column.to_string() == input.name));
        written.sort_unstable_by_key(|name| all.iter().position(|other| other == name));
        assert_eq!(written, all);
    }
}
