//! The one description of the columns of a task: which are read, and what each write does with each. The texts of the
//! statements, the binding and the decoding are made from it.

use ::entity::task::{Column, Entity};
use ::entity::{task_change, task_request};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, ReturningClause};
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::{PgValueRef, Postgres};
use sea_orm::sqlx::sqlite::{Sqlite, SqliteValueRef};
use sea_orm::sqlx::{ColumnIndex, Decode, Row};
use sea_orm::{Iden, SqlxError};

use super::dialect::{Dialect, NAME_OF_TIME_OF_WRITE, request};
use super::input::{Input, InputValue, Sent};
use super::request::EditRequest;
use super::statement::Cell;
use crate::model::{Due, IdempotencyKey, Priority, Schedule, Tags, Task};
use crate::recurrence::Slot;

/// Declares the columns that are read, in the order of the row: the field of [`Task`], the column, the stored type and the
/// conversion. It makes the list of columns and the function that decodes a row by position.
macro_rules! read {
    ($($field:ident: $column:ident as $stored:ty => $convert:expr,)*) => {
        /// The columns that are read, in this order. The owner is not read, because it is the caller, nor are the columns that
        /// serve only searches.
        pub(super) const READ: &[Column] = &[$(Column::$column),*];

        /// The position of each of them in a row.
        #[derive(Clone, Copy)]
        pub(super) enum ReadPosition {
            $($column),*
        }

        /// Decodes a row by position.
        pub(super) fn decode<'r, R: Row>(row: &'r R) -> Result<Task, SqlxError>
        where
            usize: ColumnIndex<R>,
            $($stored: Decode<'r, R::Database>,)*
        {
            $(let $field = {
                let stored: $stored = row.try_get_unchecked(ReadPosition::$column as usize)?;
                let convert: fn($stored) -> Result<_, Unreadable> = $convert;
                convert(stored).map_err(|source| SqlxError::ColumnDecode { index: Column::$column.to_string(), source })?
            };)*
            Ok(Task { $($field),* })
        }
    };
}

/// The error of a value that only another program can have written.
type Unreadable = BoxDynError;

read! {
    id: Id as i64 => Ok,
    title: Title as &'r str => |title| Ok(title.to_owned()),
    description: Description as Option<&'r str> => |description| Ok(description.map(str::to_owned)),
    completed: Completed as bool => Ok,
    created_at: CreatedAt as Time => |Time(time)| Ok(time),
    updated_at: UpdatedAt as Time => |Time(time)| Ok(time),
    completed_at: CompletedAt as Option<Time> => |time| Ok(time.map(|Time(time)| time)),
    priority: Priority as i16 => |stored| Priority::from_stored(stored).ok_or_else(|| format!("priority {stored}").into()),
    tags: Tags as &'r str => |stored| Ok(Tags::from_stored(stored)?),
    due: DueDate as Option<&'r str> => |stored| Ok(stored.map(Due::parse).transpose()?),
    series_id: SeriesId as Option<i64> => Ok,
    occurrence: Occurrence as Option<&'r str> => |stored| Ok(stored.map(Slot::parse).transpose()?.map(Box::new)),
    schedule: Schedule as Option<&'r str> => |stored| Ok(stored.map(Schedule::from_stored).transpose()?.map(Box::new)),
}

/// A stored time. The driver's own decoding panics at PostgreSQL's `infinity`, which would fail the whole batch.
pub(super) struct Time(pub(super) DateTime<Utc>);

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        /// PostgreSQL counts microseconds since 2000-01-01. Prepared statements return them as eight bytes.
        const EPOCH: i64 = 946_684_800_000_000;
        let since = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        let time = since.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
        time.map(Self).ok_or_else(|| "the time is outside of the calendar".into())
    }
}

impl<'r> Decode<'r, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <DateTime<Utc> as Decode<Sqlite>>::decode(value).map(Self)
    }
}

/// A column that is written, apart from the id, which the database assigns.
pub(super) struct WrittenColumn {
    pub(super) column: Column,
    on_create: OnCreate,
    on_change: OnChange,
}

/// The value of a column of a new task.
enum OnCreate {
    Input(Input<EditRequest>),
    TimeOfWrite,
    Constant(&'static str),
}

/// The value of a column after a change.
enum OnChange {
    /// The column never changes.
    Keep,
    /// The input, unless it is null.
    Input(Input<EditRequest>),
    /// The input, if the second one is true. For columns that can be null.
    InputIf(Input<EditRequest>, Input<EditRequest>),
    /// An expression of the task before the change, and of the request.
    Expr(fn(Dialect, Before) -> Expr),
}

/// The function that gives a column of the task before a change.
pub(super) type Before = fn(Column) -> Expr;

/// The columns that are written.
pub(super) static WRITTEN: [WrittenColumn; 17] = [
    fixed(Column::UserId, OWNER),
    always(Column::Title, text("title", |sent| Some(sent.request.changes.title.value()?.as_str()))),
    always(Column::TitleFolded, text("title_folded", |sent| sent.request.derived.title_folded.as_deref())),
    nullable(
        Column::Description,
        text("description", |sent| Some(sent.request.changes.description.value()?.as_ref()?.as_str())),
        SETS_DESCRIPTION,
    ),
    nullable(
        Column::DescriptionFolded,
        text("description_folded", |sent| sent.request.derived.description_folded.as_deref()),
        SETS_DESCRIPTION,
    ),
    always(Column::Priority, small_int("priority", |sent| Some(sent.request.changes.priority.value()?.to_stored()))),
    always(Column::Tags, text("tags", |sent| sent.request.derived.tags.as_deref())),
    always(Column::TagsFolded, text("tags_folded", |sent| sent.request.derived.tags_folded.as_deref())),
    nullable(
        Column::DueDate,
        text("due_date", |sent| Some(sent.request.changes.due.value()?.as_ref()?.as_str())),
        SETS_DUE,
    ),
    nullable(Column::DueAt, time("due_at", |sent| Some(sent.request.changes.due.value()?.as_ref()?.at())), SETS_DUE),
    WrittenColumn { column: Column::CreatedAt, on_create: OnCreate::TimeOfWrite, on_change: OnChange::Keep },
    computed(Column::UpdatedAt, OnCreate::TimeOfWrite, |dialect, _| dialect.time_of_write()),
    computed(Column::Completed, OnCreate::Constant("FALSE"), |_, before| completed(before)),
    computed(Column::CompletedAt, OnCreate::Constant("NULL"), completed_at),
    plain(Column::SeriesId),
    plain(Column::Occurrence),
    plain(Column::Schedule),
];

pub(super) const OWNER: Input<EditRequest> = text("user_id", |sent| Some(sent.request.caller.user_id().as_str()));
pub(super) const ID: Input<EditRequest> = Input { name: "id", value: InputValue::BigInt(|sent| sent.request.id) };
/// The version that the task must have, as the time of its last write.
pub(super) const IF_UPDATED_AT: Input<EditRequest> =
    time("if_updated_at", |sent| sent.request.if_version.and_then(DateTime::from_timestamp_micros));
pub(super) const ACTOR: Input<EditRequest> = text("actor", |sent| sent.request.caller.actor());
/// The number of the write, see [`Turn`](super::input::Turn).
pub(super) const AT: Input<EditRequest> = Input { name: "at", value: InputValue::BigInt(|sent| Some(sent.turn.at)) };
/// The same as a time. SQLite stores times as texts.
pub(super) const TIME_OF_WRITE: Input<EditRequest> =
    time(NAME_OF_TIME_OF_WRITE, |sent| DateTime::from_timestamp_micros(sent.turn.at));
pub(super) const OWNER_PLACE: Input<EditRequest> = small_int("owner", |sent| Some(sent.turn.owner));
pub(super) const STEP: Input<EditRequest> = small_int("step", |sent| Some(sent.turn.step));
pub(super) const PLACE: Input<EditRequest> =
    Input { name: "place", value: InputValue::BigInt(|sent| i64::try_from(sent.place).ok()) };
pub(super) const KEY: Input<EditRequest> = text("key", |sent| sent.request.key.as_ref().map(IdempotencyKey::as_str));
pub(super) const FINGERPRINT: Input<EditRequest> =
    text("fingerprint", |sent| sent.request.key.as_ref().map(IdempotencyKey::fingerprint));
const COMPLETED: Input<EditRequest> = flag("completed", |sent| sent.request.changes.completed.value().copied());
const FLIPS: Input<EditRequest> = flag("flips", |sent| Some(sent.request.flips));
const SETS_DESCRIPTION: Input<EditRequest> =
    flag("sets_description", |sent| Some(sent.request.changes.description.value().is_some()));
const SETS_DUE: Input<EditRequest> = flag("sets_due", |sent| Some(sent.request.changes.due.value().is_some()));

const fn fixed(column: Column, input: Input<EditRequest>) -> WrittenColumn {
    WrittenColumn { column, on_create: OnCreate::Input(input), on_change: OnChange::Keep }
}

const fn always(column: Column, input: Input<EditRequest>) -> WrittenColumn {
    WrittenColumn { column, on_create: OnCreate::Input(input), on_change: OnChange::Input(input) }
}

const fn nullable(column: Column, input: Input<EditRequest>, is_set: Input<EditRequest>) -> WrittenColumn {
    WrittenColumn { column, on_create: OnCreate::Input(input), on_change: OnChange::InputIf(input, is_set) }
}

const fn computed(column: Column, on_create: OnCreate, on_change: fn(Dialect, Before) -> Expr) -> WrittenColumn {
    WrittenColumn { column, on_create, on_change: OnChange::Expr(on_change) }
}

/// A column that only tasks with a schedule have. Plain statements write none of those.
const fn plain(column: Column) -> WrittenColumn {
    WrittenColumn { column, on_create: OnCreate::Constant("NULL"), on_change: OnChange::Keep }
}

const fn text(name: &'static str, value: for<'a> fn(&Sent<'a, EditRequest>) -> Option<&'a str>) -> Input<EditRequest> {
    Input { name, value: InputValue::Text(value) }
}

const fn small_int(name: &'static str, value: fn(&Sent<'_, EditRequest>) -> Option<i16>) -> Input<EditRequest> {
    Input { name, value: InputValue::SmallInt(value) }
}

const fn flag(name: &'static str, value: fn(&Sent<'_, EditRequest>) -> Option<bool>) -> Input<EditRequest> {
    Input { name, value: InputValue::Bool(value) }
}

const fn time(name: &'static str, value: fn(&Sent<'_, EditRequest>) -> Option<DateTime<Utc>>) -> Input<EditRequest> {
    Input { name, value: InputValue::Time(value) }
}

impl WrittenColumn {
    /// The value of a new row.
    pub(super) fn created(&self, dialect: Dialect) -> Expr {
        match &self.on_create {
            OnCreate::Input(input) => request(input.name),
            OnCreate::TimeOfWrite => dialect.time_of_write(),
            OnCreate::Constant(text) => Expr::cust(*text),
        }
    }

    /// The same for a statement that gets the time of the write as an input.
    pub(super) fn cell(&self) -> Cell {
        match &self.on_create {
            OnCreate::Input(input) => Cell::Input(input.name),
            OnCreate::TimeOfWrite => Cell::Input(NAME_OF_TIME_OF_WRITE),
            OnCreate::Constant(text) => Cell::Constant(text),
        }
    }

    /// The value after a change, if the column can change.
    pub(super) fn changed(&self, dialect: Dialect, before: Before) -> Option<Expr> {
        Some(match &self.on_change {
            OnChange::Keep => return None,
            OnChange::Input(input) => Func::coalesce([request(input.name), before(self.column)]).into(),
            OnChange::InputIf(input, is_set) => {
                Expr::case(request(is_set.name), request(input.name)).finally(before(self.column)).into()
            }
            OnChange::Expr(expr) => expr(dialect, before),
        })
    }
}

/// What each write does with a column, if it writes the column.
pub(super) fn written(column: Column) -> Option<&'static WrittenColumn> {
    WRITTEN.iter().find(|written| written.column.to_string() == column.to_string())
}

/// The inputs of a new task.
pub(super) fn create_inputs() -> Vec<Input<EditRequest>> {
    let inputs = WRITTEN.iter().filter_map(|written| match written.on_create {
        OnCreate::Input(input) => Some(input),
        OnCreate::TimeOfWrite | OnCreate::Constant(_) => None,
    });
    inputs.collect()
}

/// The inputs of a change.
pub(super) fn change_inputs() -> Vec<Input<EditRequest>> {
    let mut inputs = vec![OWNER, ID, FLIPS, COMPLETED];
    let mut add = |input: Input<EditRequest>| {
        if inputs.iter().all(|other| other.name != input.name) {
            inputs.push(input);
        }
    };
    for written in &WRITTEN {
        match written.on_change {
            OnChange::Keep | OnChange::Expr(_) => {}
            OnChange::Input(input) => add(input),
            OnChange::InputIf(input, is_set) => {
                add(is_set);
                add(input);
            }
        }
    }
    inputs
}

/// Whether the task is completed after a change.
fn completed(before: Before) -> Expr {
    let set = Func::coalesce([request(COMPLETED.name), before(Column::Completed)]);
    Expr::case(request(FLIPS.name), before(Column::Completed).not()).finally(set).into()
}

/// The time since when the task is completed, after a change.
fn completed_at(dialect: Dialect, before: Before) -> Expr {
    let since = Func::coalesce([before(Column::CompletedAt), dialect.time_of_write()]);
    Expr::case(completed(before), since).finally(Expr::cust("NULL")).into()
}

/// An image of a task has all columns that are read, but for the id. A change has the image of the task as it was before, and
/// the key of a request that of the task as it was after the request. These are the columns of the task, and where either keeps
/// them.
pub(super) const IMAGE: [(Column, task_change::Column, task_request::Column); 12] = [
    (Column::Title, task_change::Column::Title, task_request::Column::Title),
    (Column::Description, task_change::Column::Description, task_request::Column::Description),
    (Column::Completed, task_change::Column::Completed, task_request::Column::Completed),
    (Column::CreatedAt, task_change::Column::CreatedAt, task_request::Column::CreatedAt),
    (Column::UpdatedAt, task_change::Column::UpdatedAt, task_request::Column::UpdatedAt),
    (Column::CompletedAt, task_change::Column::CompletedAt, task_request::Column::CompletedAt),
    (Column::Priority, task_change::Column::Priority, task_request::Column::Priority),
    (Column::Tags, task_change::Column::Tags, task_request::Column::Tags),
    (Column::DueDate, task_change::Column::DueDate, task_request::Column::DueDate),
    (Column::SeriesId, task_change::Column::SeriesId, task_request::Column::SeriesId),
    (Column::Occurrence, task_change::Column::Occurrence, task_request::Column::Occurrence),
    (Column::Schedule, task_change::Column::Schedule, task_request::Column::Schedule),
];

/// The columns that are read, with the name of their table.
pub(super) fn read() -> impl Iterator<Item = (Entity, Column)> {
    READ.iter().map(|column| (Entity, *column))
}

/// The columns that a write returns: those that are read, then the owner.
pub(super) fn returned() -> ReturningClause {
    Query::returning().columns(read().chain([(Entity, Column::UserId)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_an_image_is_written() {
        assert!(IMAGE.iter().all(|(column, ..)| written(*column).is_some()));
    }

    #[test]
    fn an_image_has_every_column_that_is_read_but_for_the_id() {
        let kept: Vec<_> = IMAGE.iter().map(|(column, ..)| column.to_string()).collect();
        let read: Vec<_> = READ.iter().map(Iden::to_string).filter(|name| name != "id").collect();
        assert_eq!(kept, read);
        assert!(IMAGE.iter().all(|(column, before, after)| {
            column.to_string() == before.to_string() && column.to_string() == after.to_string()
        }));
    }
}
