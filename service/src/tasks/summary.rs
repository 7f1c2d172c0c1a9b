use std::collections::BTreeMap;

use ::entity::task::Column;
use migration::fold_case;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Func, SelectStatement, UnionType};
use sea_orm::{ConnectionTrait, DbBackend};

use super::filter::{DueIn, Filter, Status, Zone};
use super::owned::owned_by;
use super::priority::Priority;
use super::task::now;
use crate::{Caller, Db, Error};

/// How many tasks a caller has, of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All of them.
    pub all: u64,
    /// Those that are not done.
    pub pending: u64,
    /// Those that are done.
    pub completed: u64,
    /// Those that are overdue.
    pub overdue: u64,
    /// Those that are due today and not done.
    pub due_today: u64,
    /// By priority, in their order.
    pub by_priority: [u64; 4],
    /// By tag.
    pub by_tag: Vec<TagCount>,
}

/// How many tasks have a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// As most of the tasks spell it.
    pub name: String,
    /// Tasks that have it.
    pub count: u64,
}

/// How many tasks the caller has, of each kind, in one statement.
pub async fn summary(db: &Db, caller: &Caller, zone: Zone) -> Result<Summary, Error> {
    let backend = db.backend();
    let now = now();
    let status = |status| Filter { status, ..Filter::default() }.condition(backend);
    let due = |due: DueIn| due.condition(zone, now);
    let of = |priority| Filter { priorities: vec![priority], ..Filter::default() }.condition(backend);
    let mut kinds = vec![
        status(Status::Pending),
        status(Status::Completed),
        due(DueIn::Overdue),
        due(DueIn::Today).add(status(Status::Pending)),
    ];
    kinds.extend(Priority::ALL.map(of));

    let mut counts = owned_by(caller).select();
    counts.clear_selects().expr(Expr::cust("NULL")).expr(Func::count(Expr::col(Column::Id)));
    for kind in &kinds {
        counts.expr(Func::count(Expr::case(kind.clone(), 1).finally(Expr::cust("NULL"))));
    }
    let mut tags = tags_of(caller, backend);
    for _ in &kinds {
        tags.expr(Expr::cust("NULL"));
    }
    counts.union(UnionType::All, tags);

    let rows = db.read(async |db| db.query_all(&counts).await).await?;
    let mut summary = Summary::default();
    let mut spellings = Vec::new();
    for row in rows {
        let count = |index| -> Result<u64, Error> { Ok(row.try_get_by_index::<i64>(index)?.unsigned_abs()) };
        if let Some(tag) = row.try_get_by_index::<Option<String>>(0)? {
            spellings.push((tag, count(1)?));
            continue;
        }
        [summary.all, summary.pending, summary.completed] = [count(1)?, count(2)?, count(3)?];
        [summary.overdue, summary.due_today] = [count(4)?, count(5)?];
        summary.by_priority = [count(6)?, count(7)?, count(8)?, count(9)?];
    }
    summary.by_tag = merge(spellings);
    Ok(summary)
}

/// The tags of the caller's tasks, in the order of their folded names, in one statement.
pub async fn tags(db: &Db, caller: &Caller) -> Result<Vec<TagCount>, Error> {
    let tags = tags_of(caller, db.backend());
    let rows = db.read(async |db| db.query_all(&tags).await).await?;
    let spelling = |row: &sea_orm::QueryResult| -> Result<_, Error> {
        Ok((row.try_get_by_index::<String>(0)?, row.try_get_by_index::<i64>(1)?.unsigned_abs()))
    };
    Ok(merge(rows.iter().map(spelling).collect::<Result<_, _>>()?))
}

/// Every tag, as it is spelled, and how many tasks have it so.
fn tags_of(caller: &Caller, backend: DbBackend) -> SelectStatement {
    let tags = Expr::col(Column::Tags);
    let (elements, element) = match backend {
        DbBackend::Sqlite => (Func::cust("json_each").arg(tags), Expr::col((Alias::new("tag"), Alias::new("value")))),
        _ => (Func::cust("json_array_elements_text").arg(tags.cast_as("json")), Expr::col(Alias::new("tag"))),
    };
    let mut select = owned_by(caller).select();
    select
        .clear_selects()
        .from_function(elements, Alias::new("tag"))
        .cond_where(Condition::all().add(Expr::col(Column::TagsFolded).ne("")))
        .expr(element.clone())
        .expr(Func::count(Expr::col((::entity::task::Entity, Column::Id))))
        .add_group_by([element]);
    select
}

/// Spellings of the same tag become one, under the name that most tasks have it by.
fn merge(spellings: Vec<(String, u64)>) -> Vec<TagCount> {
    let mut tags = BTreeMap::<String, Vec<(String, u64)>>::new();
    for (name, count) in spellings {
        tags.entry(fold_case(&name)).or_default().push((name, count));
    }
    let merged = tags.into_values().filter_map(|mut spellings| {
        let count = spellings.iter().map(|(_, count)| count).sum();
        spellings.sort_by(|(a, most), (b, other)| other.cmp(most).then_with(|| a.cmp(b)));
        let (name, _) = spellings.into_iter().next()?;
        Some(TagCount { name, count })
    });
    merged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_tag_are_one_tag_under_the_name_that_most_tasks_have() {
        let spelled = |list: &[(&str, u64)]| list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let merged = merge(spelled(&[("work", 2), ("WORK", 3), ("home", 1), ("Work", 3), ("Éa", 1)]));
        let merged: Vec<_> = merged.iter().map(|tag| (tag.name.as_str(), tag.count)).collect();
        assert_eq!(merged, [("Éa", 1), ("home", 1), ("WORK", 8)]);
    }
}
