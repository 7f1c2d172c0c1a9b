use ::entity::task::Column;
use sea_orm::{DbBackend, Statement};

use super::dialect::Dialect;
use super::{Store, filter, owned, row, sort};
use crate::model::{Filter, Position, Sort, Task, now};
use crate::{Caller, Error};

impl Store {
    /// The newest tasks of the caller, at most `most`, newest first. Batched on PostgreSQL.
    pub(crate) async fn newest(&self, caller: &Caller, most: u32) -> Result<Vec<Task>, Error> {
        if self.db.backend() == DbBackend::Postgres {
            return self.queues.newest.ask((caller.clone(), i64::from(most))).await;
        }
        let (tasks, _) = self.page(caller, &Filter::default(), &Sort::default(), most, None).await?;
        Ok(tasks)
    }

    /// Up to `most` tasks of the caller behind `after`, and the folded title of each if the order needs it.
    pub(crate) async fn page(
        &self,
        caller: &Caller,
        filter: &Filter,
        sort: &Sort,
        most: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<Task>, Vec<String>), Error> {
        let page = page(caller, filter, sort, most, after, self.db.backend());
        let has_text = sort.is_by_title();
        // The future is large, and most lists do not need it.
        Box::pin(self.db.read(async |db| row::fetch_with_text(db, page.clone(), has_text).await)).await
    }

    /// The number of the caller's tasks that pass the filter.
    pub(crate) async fn count(&self, caller: &Caller, filter: &Filter) -> Result<u64, Error> {
        let condition = filter::condition(filter, Dialect::of(self.db.backend()), now());
        self.db.read(async |db| owned::count(db, caller, condition.clone()).await).await
    }
}

pub(super) fn page(
    caller: &Caller,
    filter: &Filter,
    sort: &Sort,
    most: u32,
    after: Option<&Position>,
    backend: DbBackend,
) -> Statement {
    let dialect = Dialect::of(backend);
    let mut page = owned::select(caller);
    page.columns(sort.is_by_title().then_some(Column::TitleFolded));
    page.cond_where(filter::condition(filter, dialect, now()));
    sort::apply(sort, &mut page, after, dialect);
    if dialect == Dialect::Postgres {
        return backend.build(page.limit(u64::from(most)));
    }
    // The limit is part of the text. If it is bound, SQLite's planner looks at its value and prepares the statement each time.
    let page = backend.build(&page);
    Statement { sql: format!("{} LIMIT {most}", page.sql), ..page }
}
