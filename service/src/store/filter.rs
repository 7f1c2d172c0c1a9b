use ::entity::task::Column;
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func};

use super::dialect::Dialect;
use crate::model::{DueIn, Filter, Priority, Status, Tag, Zone, day_of, day_text, instant_within, next, start_of_day};

/// The condition that a task passes the filter at this time.
pub(super) fn condition(filter: &Filter, dialect: Dialect, now: DateTime<Utc>) -> Condition {
    let mut all = Condition::all();
    match filter.status {
        Status::All => {}
        Status::Pending => all = all.add(completed().eq(false)),
        Status::Completed => all = all.add(completed().eq(true)),
    }
    if let Some(first) = filter.priorities.first() {
        // A list of fixed length, so that the text of the statement does not depend on how many values a client sends. Those
        // that are not wanted are replaced by one that is.
        let wanted = |priority: Priority| if filter.priorities.contains(&priority) { priority } else { *first };
        let priorities = Priority::ALL.map(|priority| wanted(priority).to_stored());
        // With a sum, the index of the list's order is read in order. Without it, PostgreSQL reads the index of the priorities
        // and sorts.
        all = all.add(Expr::col(Column::Priority).add(0).is_in(priorities));
    }
    if !filter.tags.is_empty() {
        let tags = filter.tags.iter().map(Tag::stored_folded).collect();
        all = all.add(dialect.contains_all(Column::TagsFolded, tags));
    }
    if let Some(due) = &filter.due_before {
        all = all.add(is_before(due.begin(filter.zone.tz())));
    }
    if let Some(due) = &filter.due_after {
        all = all.add(is_from(due.end(filter.zone.tz())));
    }
    if let Some(due) = filter.due {
        all = all.add(due_in(due, filter.zone, now));
    }
    if let Some(search) = &filter.search
        && !search.folded().is_empty()
    {
        let found = |column| dialect.contains(column, search.folded());
        all = all.add(Condition::any().add(found(Column::TitleFolded)).add(found(Column::DescriptionFolded)));
    }
    all
}

/// The condition that a task is due in this period, at this time and in this time zone.
pub(super) fn due_in(due: DueIn, zone: Zone, now: DateTime<Utc>) -> Condition {
    let tz = zone.tz();
    let today = day_of(now, tz);
    let days = |count| {
        let end = next(today, count);
        let begin = is_from((today, start_of_day(today, tz)));
        Condition::all().add(begin).add(is_before((end, start_of_day(end, tz))))
    };
    match due {
        DueIn::Overdue => Condition::all().add(completed().eq(false)).add(is_before((today, now))),
        DueIn::Today => days(1),
        DueIn::Week => days(7),
        DueIn::None => Condition::all().add(Expr::col(Column::DueDate).is_null()),
    }
}

fn completed() -> Expr {
    Expr::col(Column::Completed)
}

/// The condition that a task is due on a day before this day, or at an instant before this instant.
fn is_before((day, instant): (NaiveDate, DateTime<Utc>)) -> Expr {
    let day = Expr::col(Column::DueDate).lt(day_text(day));
    by_form(day, Expr::col(Column::DueAt).lt(instant_within(instant).fixed_offset()))
}

/// The condition that a task is due on this day or later, or at this instant or later.
fn is_from((day, instant): (NaiveDate, DateTime<Utc>)) -> Expr {
    let day = Expr::col(Column::DueDate).gte(day_text(day));
    by_form(day, Expr::col(Column::DueAt).gte(instant_within(instant).fixed_offset()))
}

/// The condition for a day or for an instant, which differ in the length of their text. Without a due date the result is null,
/// which is not true.
fn by_form(day: Expr, instant: Expr) -> Expr {
    Expr::case(Func::char_length(Expr::col(Column::DueDate)).eq(10), day).finally(instant).into()
}
