use sea_orm::{DbBackend, Statement};
use serde::Serialize;

use super::batch::Newest;
use super::filter::Filter;
use super::owned::owned_by;
use super::row;
use super::sort::{Position, Sort};
use super::task::Task;
use crate::db::batch::ask;
use crate::{Caller, Db, Error};

/// Which tasks, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListQuery {
    /// Which ones.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
}

impl ListQuery {
    /// Tasks of a page, where nobody asks for another number.
    const PAGE: u32 = 250;
    /// The same where no index has the order, so that every page sorts what is left of the list.
    const SORTED_PAGE: u32 = 5000;

    /// How many tasks to read at a time, where all are wanted.
    #[must_use]
    pub fn page_size(&self) -> u32 {
        if self.sort.is_indexed() { Self::PAGE } else { Self::SORTED_PAGE }
    }
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
    let is_the_usual_one = *query == ListQuery::default() && after.is_none() && limit <= ListQuery::PAGE;
    let (mut tasks, title_keys) = if is_the_usual_one && db.backend() == DbBackend::Postgres {
        (ask::<Newest>(db, (caller.clone(), limit + 1)).await?, Vec::new())
    } else {
        let page = page(caller, query, limit, after, db.backend());
        let with_title_key = query.sort.title_key().is_some();
        // Its future is large, and most lists need none.
        Box::pin(db.read(async |db| row::fetch_with_text(db, page.clone(), with_title_key).await)).await?
    };
    let has_more = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let last = tasks.last().filter(|_| has_more);
    let next = last.map(|last| query.sort.position(last, title_keys.get(tasks.len() - 1).map(String::as_str)));
    Ok(Page { tasks, next })
}

/// How many tasks the whole list has.
pub async fn count(db: &Db, caller: &Caller, filter: &Filter) -> Result<u64, Error> {
    let condition = filter.condition(db.backend());
    let count = db.read(async |db| owned_by(caller).count(db, condition.clone()).await).await?;
    Ok(count)
}

/// One more than is shown, which tells whether there is more.
fn page(caller: &Caller, query: &ListQuery, limit: u32, after: Option<&Position>, backend: DbBackend) -> Statement {
    let mut page = owned_by(caller).select();
    page.columns(query.sort.title_key()).cond_where(query.filter.condition(backend));
    query.sort.apply(&mut page, after, backend);
    if backend != DbBackend::Sqlite {
        return backend.build(page.limit(u64::from(limit) + 1));
    }
    // In the text: where it is bound, SQLite's planner looks at its value, and prepares the statement anew each time.
    let page = backend.build(&page);
    Statement { sql: format!("{} LIMIT {}", page.sql, u64::from(limit) + 1), ..page }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test says who asks")]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseConnection};
    use testing::{TestDatabase, on_both_databases};

    use super::super::{Due, DueIn, Priority, Search, SortBy, SortKey, Status, Tag};
    use super::*;
    use crate::UserId;

    /// A hundred thousand tasks, twenty of each user.
    async fn crowd(database: &TestDatabase) -> DatabaseConnection {
        let connection = database.connect().await;
        let rows = "INSERT INTO task (user_id, title, title_folded, completed, priority, created_at, updated_at)
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000)
            SELECT 'user ' || n % 5000, 't', 't', n % 3 = 0, n % 4, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP FROM number";
        connection.execute_unprepared(rows).await.unwrap();
        if connection.get_database_backend() == DbBackend::Postgres {
            // From a sample of the rows PostgreSQL now and then guesses half as many users, and plans otherwise: all of them.
            connection.execute_unprepared("SET default_statistics_target = 400").await.unwrap();
            // What solid-state disks are set to. At the default for spinning ones PostgreSQL may rather fetch a few rows in the
            // order of their pages and sort those, which costs it nothing; it would not for many.
            connection.execute_unprepared("SET random_page_cost = 1.1").await.unwrap();
        }
        connection.execute_unprepared("ANALYZE task").await.unwrap();
        connection
    }

    async fn plan(connection: &DatabaseConnection, query: &ListQuery, after: Option<&Position>) -> String {
        let backend = connection.get_database_backend();
        let caller = Caller::authenticated(UserId::parse("user 7").unwrap());
        let mut explained = page(&caller, query, 20, after, backend);
        let (explain, column) = match backend {
            DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
            _ => ("EXPLAIN", "QUERY PLAN"),
        };
        explained.sql = format!("{explain} {}", explained.sql);
        let lines = connection.query_all_raw(explained).await.unwrap();
        let lines: Vec<String> = lines.iter().map(|row| row.try_get("", column).unwrap()).collect();
        lines.join("\n")
    }

    /// Enters an index at the owner, or at a place in the owner's part.
    fn assert_owners_rows_only(plan: &str, what: &str) {
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN "), "{what}: {plan}");
        assert!(plan.contains("user_id = 'user 7'") || plan.contains("(user_id=?"), "{what}: {plan}");
    }

    fn assert_no_sort(plan: &str, what: &str) {
        assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{what}: {plan}");
    }

    fn by(keys: &[(SortKey, bool)]) -> ListQuery {
        let sort = Sort::new(keys.iter().map(|(key, descending)| SortBy { key: *key, descending: *descending }));
        ListQuery { sort, ..ListQuery::default() }
    }

    on_both_databases! {
        async fn an_index_serves_every_filter_without_a_sort(database: TestDatabase) {
            let connection = crowd(&database).await;
            let due = |text| Some(Due::parse(text).unwrap());
            let filters = [
                Filter::default(),
                Filter { status: Status::Pending, ..Filter::default() },
                Filter { status: Status::Completed, ..Filter::default() },
                Filter { priorities: vec![Priority::High], ..Filter::default() },
                Filter { priorities: vec![Priority::High, Priority::None], ..Filter::default() },
                Filter { tags: vec![Tag::parse("a").unwrap(), Tag::parse("b").unwrap()], ..Filter::default() },
                Filter { due_before: due("2026-01-31"), ..Filter::default() },
                Filter { due_after: due("2026-01-31T00:00:00Z"), ..Filter::default() },
                Filter { due: Some(DueIn::Overdue), ..Filter::default() },
                Filter { due: Some(DueIn::Today), ..Filter::default() },
                Filter { due: Some(DueIn::Week), ..Filter::default() },
                Filter { due: Some(DueIn::None), ..Filter::default() },
                Filter { search: Some(Search::parse("milk").unwrap()), ..Filter::default() },
            ];
            for filter in filters {
                let query = ListQuery { filter, sort: Sort::default() };
                let plan = plan(&connection, &query, None).await;
                assert_owners_rows_only(&plan, &format!("{query:?}"));
                assert_no_sort(&plan, &format!("{query:?}"));
            }
        }

        async fn an_index_serves_every_sort_by_one_key_without_a_sort_from_any_place(database: TestDatabase) {
            let connection = crowd(&database).await;
            for key in [SortKey::CreatedAt, SortKey::DueDate, SortKey::Priority, SortKey::Title] {
                for descending in [true, false] {
                    let query = by(&[(key, descending)]);
                    let first = plan(&connection, &query, None).await;
                    assert_owners_rows_only(&first, &format!("{query:?}"));
                    assert_no_sort(&first, &format!("{query:?}"));
                    let position = query.sort.position(&some_task(), Some("t"));
                    let later = plan(&connection, &query, Some(&position)).await;
                    assert_no_sort(&later, &format!("{query:?}"));
                    // The place is a part of what the index is entered with, not a filter on all before it.
                    let entered = ["Index Cond: ((user_id = 'user 7'::text) AND (", "(user_id=? AND "];
                    assert!(entered.iter().any(|entered| later.contains(entered)), "{query:?}: {later}");
                }
            }
        }

        async fn an_index_finds_the_owners_tasks_for_the_sorts_that_have_none(database: TestDatabase) {
            let connection = crowd(&database).await;
            for query in [
                by(&[(SortKey::UpdatedAt, true)]),
                by(&[(SortKey::Priority, true), (SortKey::DueDate, false)]),
                by(&[(SortKey::Title, false), (SortKey::Priority, true), (SortKey::CreatedAt, false)]),
            ] {
                for after in [None, Some(query.sort.position(&some_task(), Some("t")))] {
                    assert_owners_rows_only(&plan(&connection, &query, after.as_ref()).await, &format!("{query:?}"));
                }
            }
        }
    }

    fn some_task() -> Task {
        let now = chrono::Utc::now();
        Task {
            id: 7,
            title: "t".to_owned(),
            description: None,
            completed: false,
            created_at: now,
            updated_at: now,
            completed_at: None,
            priority: Priority::Low,
            tags: super::super::Tags::default(),
            due: None,
        }
    }
}
