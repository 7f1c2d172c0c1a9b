use ::entity::task::Column;
use sea_orm::sea_query::{ExprTrait, SelectStatement};
use sea_orm::{DbBackend, QueryResult, Statement, Values};

use super::columns::READ;
use super::cost::Cost;
use super::dialect::{Dialect, task};
use super::read::NewestRequest;
use super::row::Rows;
use super::{Store, filter, owned, row, sort};
use crate::db::Db;
use crate::model::{Filter, Sort, Start, now};
use crate::{Caller, Error};

/// The maximum number of tasks of a list that is read in a batch. The lists of a whole batch are in memory at the same time.
pub(crate) const MAX_BATCHED: u32 = 251;

/// The maximum number of tasks of a list that SQLite reads at once, without waiting for a place.
const MAX_AT_ONCE: u32 = 21;

impl Store {
    /// The newest tasks of the caller, newest first: `most` of them, and possibly some more. Batched on PostgreSQL.
    pub(crate) async fn newest(&self, caller: &Caller, most: u32, max_bytes: usize) -> Result<Rows, Error> {
        if self.db.backend() == DbBackend::Postgres {
            let request = NewestRequest { caller: caller.clone(), most: most.into(), max_bytes };
            return self.queues.newest.ask(request).await;
        }
        let newest = page(caller, &Filter::default(), &Sort::default(), most, Start::Beginning, Dialect::Sqlite);
        let newest = with_state(caller, READ.len(), newest);
        if most > MAX_AT_ONCE {
            return self.rows(caller, Cost::Light, newest, false, max_bytes).await;
        }
        // It reads as many rows as it returns, and SQLite has no round trips to share.
        // It owns what it needs: the compiler does not see that a future with a borrowing async closure can be sent to other threads.
        Box::pin(self.db.read(async move |db| row::fetch(db, newest.clone(), max_bytes).await)).await
    }

    /// The first `most` tasks of the caller from `start` on, and possibly some more, or fewer if their texts are longer than
    /// `max_bytes`.
    pub(crate) async fn page(
        &self,
        caller: &Caller,
        (filter, sort): (&Filter, &Sort),
        most: u32,
        start: Start<'_>,
        (cost, max_bytes): (Cost, usize),
    ) -> Result<Rows, Error> {
        let page = page(caller, filter, sort, most, start, Dialect::of_db(&self.db));
        let columns = READ.len() + usize::from(sort.is_by_title());
        let page = with_state(caller, columns, page);
        self.rows(caller, cost, page, sort.is_by_title(), max_bytes).await
    }

    /// The ids of the caller's tasks from `start` on that pass the filter, in the order of the list: `most` of them, and possibly
    /// some more. Then the state of the list.
    pub(crate) async fn sorted_ids(
        &self,
        caller: &Caller,
        filter: &Filter,
        sort: &Sort,
        most: u32,
        start: Start<'_>,
    ) -> Result<(Vec<i64>, i64), Error> {
        let mut ids = owned::select_nothing(caller);
        ids.column(Column::Id);
        let ids = with_state(caller, 1, finish(ids, filter, sort, most, start, Dialect::of_db(&self.db)));
        let select = |db: Db, limit| {
            let ids = ids.clone();
            let push = |(ids, state): &mut (Vec<i64>, i64), row: QueryResult| {
                match row.try_get_by_index(0)? {
                    Some(id) => ids.push(id),
                    None => *state = row.try_get_by_index(1)?,
                }
                Ok(())
            };
            async move { db.select(&ids, limit, push).await }
        };
        self.alone(caller, Cost::Heavy, select).await
    }

    /// Those of the caller's tasks with these ids that still pass the filter, in the order of the list, or fewer if their texts
    /// are longer than `max_bytes`.
    pub(crate) async fn with_ids(
        &self,
        caller: &Caller,
        filter: &Filter,
        sort: &Sort,
        ids: &[i64],
        max_bytes: usize,
    ) -> Result<Rows, Error> {
        let dialect = Dialect::of_db(&self.db);
        let mut page = owned::select_nothing_by_id(caller, dialect);
        page.columns(READ.iter().copied()).and_where(task(Column::Id).in_subquery(dialect.ids(ids)));
        page.cond_where(filter::condition(filter, dialect, now()));
        sort::apply(sort, &mut page, None, dialect);
        self.rows(caller, Cost::Continued, dialect.backend().build(&page), false, max_bytes).await
    }

    /// The number of the caller's tasks that pass the filter.
    pub(crate) async fn count(&self, caller: &Caller, filter: &Filter) -> Result<u64, Error> {
        let dialect = Dialect::of_db(&self.db);
        let count = dialect.backend().build(&owned::count(caller, filter::condition(filter, dialect, now())));
        let select = |db: Db, limit| {
            let count = count.clone();
            let set = |count: &mut i64, row: QueryResult| {
                *count = row.try_get_by_index(0)?;
                Ok(())
            };
            async move { db.select(&count, limit, set).await }
        };
        Ok(self.alone(caller, Cost::Heavy, select).await?.unsigned_abs())
    }

    async fn rows(
        &self,
        caller: &Caller,
        cost: Cost,
        page: Statement,
        has_text: bool,
        max_bytes: usize,
    ) -> Result<Rows, Error> {
        let select = |db: Db, limit| {
            let page = page.clone();
            async move {
                let push = |rows: &mut Rows, row: QueryResult| rows.push(&row, has_text, max_bytes);
                db.select(&page, limit, push).await
            }
        };
        self.alone(caller, cost, select).await
    }
}

pub(super) fn page(
    caller: &Caller,
    filter: &Filter,
    sort: &Sort,
    most: u32,
    start: Start<'_>,
    dialect: Dialect,
) -> Statement {
    let mut page = owned::select(caller);
    page.columns(sort.is_by_title().then_some(Column::TitleFolded));
    finish(page, filter, sort, most, start, dialect)
}

/// The rows of a list with this number of columns, and before them one with the state of the list, in the column behind those of
/// the list. One statement reads both, so they agree. A caller without a clock has no such row.
///
/// SeaQuery cannot add a statement to one whose limit is a part of its text.
fn with_state(caller: &Caller, columns: usize, list: Statement) -> Statement {
    let Statement { sql, values, db_backend } = list;
    let nulls = "NULL, ".repeat(columns);
    let mut values = values.unwrap_or(Values(Vec::new()));
    // The owner is the first value of every list. PostgreSQL names it again.
    let owner = if db_backend == DbBackend::Postgres {
        "$1"
    } else {
        values.0.insert(0, caller.user_id().as_str().into());
        "?"
    };
    let sql = format!(
        "SELECT {nulls}clock FROM task_owner WHERE user_id = {owner} \
         UNION ALL SELECT list.*, NULL FROM ({sql}) AS list"
    );
    Statement { sql, values: Some(values), db_backend }
}

/// Adds the filter, the order, the start and the limit to a select of the caller's tasks.
pub(super) fn finish(
    mut list: SelectStatement,
    filter: &Filter,
    sort: &Sort,
    most: u32,
    start: Start<'_>,
    dialect: Dialect,
) -> Statement {
    list.cond_where(filter::condition(filter, dialect, now()));
    sort::apply(sort, &mut list, start.after(), dialect);
    let offset = (start.offset() > 0).then(|| u64::from(start.offset()));
    let backend = dialect.backend();
    if backend == DbBackend::Postgres {
        if let Some(offset) = offset {
            list.offset(offset);
        }
        return backend.build(list.limit(u64::from(most)));
    }
    // The limit is part of the text. If it is bound, SQLite's planner looks at its value and prepares the statement each time. An
    // offset is bound, because SQLite's planner does not look at it.
    let Statement { sql, values, db_backend } = backend.build(&list);
    let limit = rounded(most);
    let Some(offset) = offset else { return Statement { sql: format!("{sql} LIMIT {limit}"), values, db_backend } };
    let mut values = values.unwrap_or(Values(Vec::new()));
    values.0.push(offset.into());
    Statement { sql: format!("{sql} LIMIT {limit} OFFSET ?"), values: Some(values), db_backend }
}

/// The smallest of a few limits that is not below `most`, so that a client cannot fill SQLite's cache of statements with limits.
pub(super) fn rounded(most: u32) -> u32 {
    const LIMITS: [u32; 8] = [6, 21, 51, 101, 251, 501, 1001, 5000];
    LIMITS.into_iter().find(|limit| *limit >= most).unwrap_or(most)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use std::collections::HashSet;

    use migration::Layout;

    use super::*;
    use crate::UserId;
    use crate::model::{Due, DueIn, MAX_OFFSET, Priority, Search, SortBy, SortKey, Status, Tag, Zone};

    const BACKENDS: [DbBackend; 2] = [DbBackend::Postgres, DbBackend::Sqlite];

    /// The number of texts that lists with these filters have.
    fn texts(backend: DbBackend, filters: impl IntoIterator<Item = Filter>) -> usize {
        let caller = Caller::authenticated(UserId::parse("alice").unwrap());
        let text = |filter: Filter| {
            page(&caller, &filter, &Sort::default(), 21, Start::Beginning, Dialect::of(backend, Layout::Whole)).sql
        };
        filters.into_iter().map(text).collect::<HashSet<_>>().len()
    }

    fn any() -> Filter {
        Filter::default()
    }

    #[test]
    fn the_text_of_a_list_does_not_depend_on_the_number_or_length_of_the_values_of_any_parameter() {
        let priorities = |count: usize| Priority::ALL.into_iter().cycle().take(count).collect();
        let tag = |n: usize| Tag::parse(format!("tag {n}")).unwrap();
        let search = |length: usize| Some(Search::parse(&"é".repeat(length)).unwrap());
        let due = |text: &str| Some(Due::parse(text).unwrap());
        let dues = [
            "2026-01-31",
            "2026-01-31T10:00",
            "2026-01-31T10:00:30",
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00.123456+14:00",
        ];
        for backend in BACKENDS {
            let counts = [1, 2, 3, 4, 5, 100, 16_000];
            assert_eq!(texts(backend, counts.map(|count| Filter { priorities: priorities(count), ..any() })), 1);
            let tags = (1..=20).map(|count| Filter { tags: (0..count).map(tag).collect(), ..any() });
            assert_eq!(texts(backend, tags), 1);
            let lengths = (1..=1000).map(|length| Filter { search: search(length), ..any() });
            assert_eq!(texts(backend, lengths), 1);
            assert_eq!(texts(backend, dues.map(|text| Filter { due_before: due(text), ..any() })), 1);
            assert_eq!(texts(backend, dues.map(|text| Filter { due_after: due(text), ..any() })), 1);
            let zones = ["UTC", "Europe/Berlin", "Pacific/Kiritimati"].map(|name| Zone::parse(name).unwrap());
            for period in [DueIn::Overdue, DueIn::Today, DueIn::Week, DueIn::None] {
                assert_eq!(texts(backend, zones.map(|zone| Filter { due: Some(period), zone, ..any() })), 1);
            }
            let statuses = [Status::All, Status::Pending, Status::Completed];
            assert!(texts(backend, statuses.map(|status| Filter { status, ..any() })) <= 3);
        }
    }

    #[test]
    fn a_repeated_sort_key_makes_no_further_text() {
        let caller = Caller::authenticated(UserId::parse("alice").unwrap());
        let keys = [SortKey::CreatedAt, SortKey::UpdatedAt, SortKey::DueDate, SortKey::Priority, SortKey::Title];
        let by = |key| SortBy { key, descending: true };
        for backend in BACKENDS {
            let text = |count: usize| {
                let sort = Sort::new(keys.map(by).into_iter().cycle().take(count));
                page(&caller, &any(), &sort, 21, Start::Beginning, Dialect::of(backend, Layout::Whole)).sql
            };
            assert_eq!([5, 6, 100, 16_000].map(text).into_iter().collect::<HashSet<_>>().len(), 1);
        }
    }

    #[test]
    fn offsets_make_only_one_text() {
        let caller = Caller::authenticated(UserId::parse("alice").unwrap());
        for backend in BACKENDS {
            let text = |offset| {
                page(&caller, &any(), &Sort::default(), 21, Start::Offset(offset), Dialect::of(backend, Layout::Whole))
            };
            let texts: HashSet<_> = (1..=MAX_OFFSET + 9).map(|offset| text(offset).sql).collect();
            assert_eq!(texts.len(), 1);
            assert_eq!(
                text(0),
                page(&caller, &any(), &Sort::default(), 21, Start::Beginning, Dialect::of(backend, Layout::Whole))
            );
            // A larger one costs no more than the largest.
            assert_eq!(text(u32::MAX), text(MAX_OFFSET));
        }
    }

    #[test]
    fn limits_make_only_a_few_texts() {
        let caller = Caller::authenticated(UserId::parse("alice").unwrap());
        let limits = |backend| {
            let text = |most| {
                page(&caller, &any(), &Sort::default(), most, Start::Beginning, Dialect::of(backend, Layout::Whole)).sql
            };
            (1..=1001).map(text).collect::<HashSet<_>>().len()
        };
        assert_eq!(limits(DbBackend::Postgres), 1);
        assert_eq!(limits(DbBackend::Sqlite), 7);
    }
}
