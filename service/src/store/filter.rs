use ::entity::task::Column;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func, Value};

use super::dialect::Dialect;
use crate::model::{DueBound, DueIn, Filter, Priority, Status, Tag, Zone, day_of, next};

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
        let (begin, end) = (DueBound::of_day(today, tz), DueBound::of_day(next(today, count), tz));
        Condition::all().add(is_from(begin)).add(is_before(end))
    };
    match due {
        DueIn::Overdue => Condition::all().add(completed().eq(false)).add(is_before(DueBound::of_instant(now, tz))),
        DueIn::Today => days(1),
        DueIn::Week => days(7),
        DueIn::None => Condition::all().add(Expr::col(Column::DueDate).is_null()),
    }
}

fn completed() -> Expr {
    Expr::col(Column::Completed)
}

/// The condition that a task is due before this bound.
fn is_before(bound: DueBound) -> Expr {
    by_form(bound, ExprTrait::lt)
}

/// The condition that a task is due from this bound on.
fn is_from(bound: DueBound) -> Expr {
    by_form(bound, ExprTrait::gte)
}

/// Compares a day, a wall time or an instant, which differ in the length of their text. Without a due date the result is null,
/// which is not true.
fn by_form(bound: DueBound, compare: fn(Expr, Value) -> Expr) -> Expr {
    let length = || Func::char_length(Expr::col(Column::DueDate));
    let day = compare(Expr::col(Column::DueDate), bound.day().into());
    let at = |time: DateTime<Utc>| compare(Expr::col(Column::DueAt), time.fixed_offset().into());
    let by_time = Expr::case(length().lt(20), at(bound.wall())).finally(at(bound.instant()));
    Expr::case(length().eq(10), day).finally(by_time).into()
}
