use ::entity::task::Column;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use migration::fold;
use sea_orm::DbBackend;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func};
use serde::Serialize;

use super::due::{Due, day_of, day_text, instant_within, next, start_of_day};
use super::priority::Priority;
use super::tag::Tag;
use super::task::now;

/// Which tasks a list shows: those that pass every part. The default shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// Done or not.
    pub status: Status,
    /// Of one of these priorities; empty for any.
    pub priorities: Vec<Priority>,
    /// With all of these tags.
    pub tags: Vec<Tag>,
    /// Due before this: a day is due at its end.
    pub due_before: Option<Due>,
    /// Due after this.
    pub due_after: Option<Due>,
    /// Due in this time.
    pub due: Option<DueIn>,
    /// Where the owner is: when days begin and end.
    pub zone: Zone,
    /// With this in their title or description.
    pub search: Option<Search>,
}

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Status {
    /// Every task.
    #[default]
    All,
    /// Those that are not done.
    Pending,
    /// Those that are done.
    Completed,
}

/// A time that tasks are due in, seen from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DueIn {
    /// It is past, or its day has ended, and the task is not done.
    Overdue,
    /// Today.
    Today,
    /// Today or one of the six days after it.
    Week,
    /// The task has no due date.
    None,
}

/// A time zone of the IANA database; UTC unless told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone(Tz);

/// A text to search for: case and accents do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Search(String);

/// Why a text is not a [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r#"must be a time zone of the IANA database ("Europe/Berlin")"#)]
pub struct InvalidZone;

/// Why a text is not a [`Search`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {max} characters long, without U+0000", max = Search::MAX_CHARS)]
pub struct InvalidSearch;

impl Zone {
    /// By its name, as the IANA database spells it.
    pub fn parse(name: &str) -> Result<Self, InvalidZone> {
        name.parse().map(Self).map_err(|_| InvalidZone)
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.name().serialize(serializer)
    }
}

impl Search {
    /// The longest text, in characters (Unicode scalar values): that of the longest text which is searched.
    pub const MAX_CHARS: usize = super::Description::MAX_CHARS;

    /// The only way to own one.
    pub fn parse(text: &str) -> Result<Self, InvalidSearch> {
        let fits = text.chars().count() <= Self::MAX_CHARS && !text.contains('\0');
        if fits { Ok(Self(fold(text))) } else { Err(InvalidSearch) }
    }
}

impl Filter {
    /// That a task passes.
    pub(super) fn condition(&self, backend: DbBackend) -> Condition {
        let mut all = Condition::all();
        match self.status {
            Status::All => {}
            Status::Pending => all = all.add(completed().eq(false)),
            Status::Completed => all = all.add(completed().eq(true)),
        }
        if !self.priorities.is_empty() {
            let priorities = self.priorities.iter().map(|priority| priority.to_stored());
            // A sum, so that the index of the order is read in order, and not that of the priorities and then sorted.
            all = all.add(Expr::col(Column::Priority).add(0).is_in(priorities));
        }
        for tag in &self.tags {
            all = all.add(contains(Column::TagsFolded, tag.stored_folded(), backend));
        }
        if let Some(due) = &self.due_before {
            all = all.add(is_before(due.begin(self.zone.0)));
        }
        if let Some(due) = &self.due_after {
            all = all.add(is_from(due.end(self.zone.0)));
        }
        if let Some(due) = self.due {
            all = all.add(due.condition(self.zone, now()));
        }
        if let Some(Search(text)) = &self.search
            && !text.is_empty()
        {
            let found = |column| contains(column, text.clone(), backend);
            all = all.add(Condition::any().add(found(Column::TitleFolded)).add(found(Column::DescriptionFolded)));
        }
        all
    }
}

impl DueIn {
    /// That a task is due then, at this time and place.
    pub(super) fn condition(self, zone: Zone, now: DateTime<Utc>) -> Condition {
        let tz = zone.0;
        let today = day_of(now, tz);
        let days = |count| {
            let end = next(today, count);
            let begin = is_from((today, start_of_day(today, tz)));
            Condition::all().add(begin).add(is_before((end, start_of_day(end, tz))))
        };
        match self {
            Self::Overdue => Condition::all().add(completed().eq(false)).add(is_before((today, now))),
            Self::Today => days(1),
            Self::Week => days(7),
            Self::None => Condition::all().add(Expr::col(Column::DueDate).is_null()),
        }
    }
}

fn completed() -> Expr {
    Expr::col(Column::Completed)
}

/// A task that is due on a day before this day, or at an instant before this instant.
fn is_before((day, instant): (NaiveDate, DateTime<Utc>)) -> Expr {
    let day = Expr::col(Column::DueDate).lt(day_text(day));
    by_form(day, Expr::col(Column::DueAt).lt(instant_within(instant).fixed_offset()))
}

/// A task that is due on this day or later, or at this instant or later.
fn is_from((day, instant): (NaiveDate, DateTime<Utc>)) -> Expr {
    let day = Expr::col(Column::DueDate).gte(day_text(day));
    by_form(day, Expr::col(Column::DueAt).gte(instant_within(instant).fixed_offset()))
}

/// A day is told from an instant by the length of its text. Without a due date it is neither, and unknown, which is not true.
fn by_form(day: Expr, instant: Expr) -> Expr {
    Expr::case(Func::char_length(Expr::col(Column::DueDate)).eq(10), day).finally(instant).into()
}

/// Not LIKE: that has letters of its own to escape, and PostgreSQL guesses few rows from it, which it would rather sort.
fn contains(column: Column, text: String, backend: DbBackend) -> Expr {
    let position = match backend {
        DbBackend::Sqlite => Func::cust("instr"),
        _ => Func::cust("strpos"),
    };
    position.arg(Expr::col(column)).arg(Expr::val(text)).gt(0)
}
