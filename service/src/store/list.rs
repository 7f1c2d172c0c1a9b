use ::entity::task::Column;
use sea_orm::{DbBackend, Statement};

use super::dialect::Dialect;
use super::{Store, filter, owned, row, sort};
use crate::model::{Filter, Position, Sort, Task, now};
use crate::{Caller, Error};

impl Store {
    /// The newest tasks of the caller, newest first: `most` of them, and possibly some more. Batched on PostgreSQL.
    pub(crate) async fn newest(&self, caller: &Caller, most: u32) -> Result<Vec<Task>, Error> {
        if self.db.backend() == DbBackend::Postgres {
            return self.queues.newest.ask((caller.clone(), i64::from(most))).await;
        }
        let (tasks, _) = self.page(caller, &Filter::default(), &Sort::default(), most, None).await?;
        Ok(tasks)
    }

    /// The first `most` tasks of the caller behind `after`, and possibly some more, and the folded title of each if the order needs
    /// it.
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
    Statement { sql: format!("{} LIMIT {}", page.sql, rounded(most)), ..page }
}

/// The smallest of a few limits that is not below `most`, so that a client cannot fill SQLite's cache of statements with limits.
fn rounded(most: u32) -> u32 {
    const LIMITS: [u32; 7] = [6, 21, 51, 101, 251, 501, 1001];
    LIMITS.into_iter().find(|limit| *limit >= most).unwrap_or(most)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::UserId;
    use crate::model::Priority;

    fn texts(backend: DbBackend, queries: impl Iterator<Item = (Filter, u32)>) -> HashSet<String> {
        let caller = Caller::authenticated(UserId::parse("alice").unwrap());
        queries.map(|(filter, most)| page(&caller, &filter, &Sort::default(), most, None, backend).sql).collect()
    }

    #[test]
    fn the_text_of_a_list_does_not_depend_on_how_many_priorities_a_client_sends() {
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            let priorities = [1, 2, 3, 4, 5, 100, 16_000].map(|count| Priority::ALL.into_iter().cycle().take(count));
            let filters = priorities.map(|priorities| Filter { priorities: priorities.collect(), ..Filter::default() });
            assert_eq!(texts(backend, filters.into_iter().map(|filter| (filter, 21))).len(), 1);
        }
    }

    #[test]
    fn limits_make_only_a_few_texts() {
        let limits = || (1..=1001).map(|most| (Filter::default(), most));
        assert_eq!(texts(DbBackend::Postgres, limits()).len(), 1);
        assert_eq!(texts(DbBackend::Sqlite, limits()).len(), 7);
    }
}
