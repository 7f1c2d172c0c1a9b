use sea_orm::sea_query::SelectStatement;
use serde::Serialize;

use super::filter::Filter;
use super::owned::owned_by;
use super::row;
use super::sort::{Position, Sort};
use super::task::Task;
use crate::{Caller, Db, Error};

/// Which tasks, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListQuery {
    /// Which ones.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its tasks, in the list's order.
    pub tasks: Vec<Task>,
    /// Where the next part begins; `None` where this is the last one.
    pub next: Option<Position>,
}

/// Up to `limit` of the caller's tasks, from the beginning of the list or behind `after`.
///
/// Pages are told apart by where they begin, not by counting: a task that is created or deleted meanwhile makes no other one
/// appear twice or not at all, and a late page costs what the first one does. Between pages nothing is held.
pub async fn list(
    db: &Db,
    caller: &Caller,
    query: &ListQuery,
    limit: u32,
    after: Option<&Position>,
) -> Result<Page, Error> {
    let page = page(caller, query, limit, after, db.backend());
    let mut tasks = db.read(async |db| row::fetch(db, &page).await).await?;
    let has_more = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let next = tasks.last().filter(|_| has_more).map(|last| query.sort.position(last));
    Ok(Page { tasks, next })
}

/// How many tasks the whole list has.
pub async fn count(db: &Db, caller: &Caller, filter: &Filter) -> Result<u64, Error> {
    let condition = filter.condition(db.backend());
    let count = db.read(async |db| owned_by(caller).count(db, condition.clone()).await).await?;
    Ok(count)
}

/// One more than is shown, which tells whether there is more.
fn page(
    caller: &Caller,
    query: &ListQuery,
    limit: u32,
    after: Option<&Position>,
    backend: sea_orm::DbBackend,
) -> SelectStatement {
    let mut page = owned_by(caller).select();
    page.cond_where(query.filter.condition(backend)).limit(u64::from(limit) + 1);
    query.sort.apply(&mut page, after, backend);
    page
}
