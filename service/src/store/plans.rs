//! The plans of the statements, on a table that is so large that a plan without an index is noticed.
#![expect(clippy::disallowed_methods, reason = "a test makes its callers")]

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use testing::{TestDatabase, analyze, on_both_databases, seed};

use super::list::page;
use super::request::BulkEdit;
use super::{edit, read};
use crate::model::{
    Due, DueIn, Filter, MAX_OFFSET, Priority, Search, Sort, SortBy, SortKey, Start, Status, Tag, Tags, Task,
};
use crate::{Caller, UserId};

/// A hundred thousand tasks, twenty of each user.
async fn crowd(database: &TestDatabase) -> DatabaseConnection {
    let connection = database.connect().await;
    let columns = [
        ("user_id", "'user ' || (n % 5000)"),
        ("title", "'t'"),
        ("title_folded", "'t'"),
        ("completed", "n % 3 = 0"),
        ("priority", "n % 4"),
    ];
    seed(&connection, 100_000, &columns).await;
    if is_postgres(&connection) {
        // The value for solid-state disks. With the default for spinning disks PostgreSQL may read a few rows in the order of
        // their pages and sort them, which costs it nothing. It would not do that with many rows.
        connection.execute_unprepared("SET random_page_cost = 1.1").await.unwrap();
    }
    analyze(&connection).await;
    connection
}

fn is_postgres(connection: &DatabaseConnection) -> bool {
    connection.get_database_backend() == DbBackend::Postgres
}

async fn lines(connection: &DatabaseConnection, statement: Statement, column: &str) -> String {
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect::<Vec<_>>().join("\n")
}

async fn lines_of(connection: &DatabaseConnection, sql: &str, column: &str) -> String {
    lines(connection, Statement::from_string(connection.get_database_backend(), sql), column).await
}

/// The statements of batches: name, PostgreSQL's text, SQLite's text, the arguments of `EXECUTE` for a batch of one.
fn batches() -> Vec<(&'static str, &'static str, Option<&'static str>, String)> {
    let of_change = "ARRAY['user 7'], ARRAY[7], ARRAY[false], ARRAY[NULL::bool], ARRAY[NULL::text], ARRAY[NULL::text], \
        ARRAY[false], ARRAY[NULL::text], ARRAY[NULL::text], ARRAY[NULL::int2], ARRAY[NULL::text], ARRAY[NULL::text], \
        ARRAY[false], ARRAY[NULL::text], ARRAY[NULL::timestamptz], now(), '1s'";
    let of_create = "ARRAY['u'], ARRAY['t'], ARRAY['t'], ARRAY[NULL::text], ARRAY[NULL::text], ARRAY[0], ARRAY['[]'], ARRAY[''], \
        ARRAY[NULL::text], ARRAY[NULL::timestamptz], ARRAY[now()]";
    let mut batches = Vec::new();
    for (name, statement) in read::texts::lookups() {
        let (postgres, sqlite) = statement.texts();
        batches.push((name, postgres, sqlite, "ARRAY['user 7'], ARRAY[7], ARRAY[0]".to_owned()));
    }
    for (maximum, text) in read::texts::newest() {
        let name = match maximum {
            6 => "newest_6",
            21 => "newest_21",
            51 => "newest_51",
            101 => "newest_101",
            _ => "newest",
        };
        batches.push((name, text, None, format!("ARRAY['user 7'], ARRAY[{maximum}]")));
    }
    for (name, statement) in edit::texts::lookups() {
        let (postgres, sqlite) = statement.texts();
        let arguments = if name == "change" { of_change } else { "ARRAY['user 7'], ARRAY[7], '1s'" };
        batches.push((name, postgres, sqlite, arguments.to_owned()));
    }
    let (postgres, sqlite) = edit::texts::create().texts();
    batches.push(("new_tasks", postgres, sqlite, of_create.to_owned()));
    batches
}

async fn plan(connection: &DatabaseConnection, filter: &Filter, sort: &Sort, start: Start<'_>) -> String {
    let backend = connection.get_database_backend();
    let caller = Caller::authenticated(UserId::parse("user 7").unwrap());
    let mut explained = page(&caller, filter, sort, 21, start, backend);
    let (explain, column) = match backend {
        DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        _ => ("EXPLAIN", "QUERY PLAN"),
    };
    explained.sql = format!("{explain} {}", explained.sql);
    lines(connection, explained, column).await
}

/// Requires that an index is entered at the owner, or at a position in the owner's part.
fn assert_owners_rows_only(plan: &str, subject: &str) {
    assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN task"), "{subject}: {plan}");
    assert!(plan.contains("user_id = 'user 7'") || plan.contains("(user_id=?"), "{subject}: {plan}");
}

fn assert_no_sort(plan: &str, subject: &str) {
    assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{subject}: {plan}");
}

fn by(keys: &[(SortKey, bool)]) -> Sort {
    Sort::new(keys.iter().map(|(key, descending)| SortBy { key: *key, descending: *descending }))
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
        tags: Tags::default(),
        due: None,
    }
}

#[on_both_databases]
async fn a_batch_finds_its_rows_by_index(database: TestDatabase) {
    let connection = crowd(&database).await;
    if !is_postgres(&connection) {
        for (name, _, sqlite, _) in batches() {
            let Some(sqlite) = sqlite else { continue };
            let plan = lines_of(&connection, &format!("EXPLAIN QUERY PLAN {sqlite}"), "detail").await;
            assert!(!plan.contains("SCAN task"), "{name}: {plan}");
            assert!(name == "new_tasks" || plan.contains("SEARCH task USING"), "{name}: {plan}");
        }
        return;
    }
    // The plans that a server uses after a while: made once, for batches of any size.
    connection.execute_unprepared("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (name, postgres, _, arguments) in batches().into_iter().filter(|(name, ..)| *name != "new_tasks") {
        connection.execute_unprepared(&format!("PREPARE of_{name} AS {postgres}")).await.unwrap();
        let plan = lines_of(&connection, &format!("EXPLAIN EXECUTE of_{name}({arguments})"), "QUERY PLAN").await;
        assert!(plan.contains("Index Scan") && !plan.contains("Seq Scan on task"), "{name}: {plan}");
        // A delete sorts the ids that it locks, which are at most those of its batch.
        let is_in_order = !plan.contains("Bitmap") && (name == "delete" || !plan.contains("Sort"));
        assert!(is_in_order, "{name}: {plan}");
    }
}

#[on_both_databases]
async fn a_small_batch_is_not_planned_each_time(database: TestDatabase) {
    let connection = crowd(&database).await;
    if !is_postgres(&connection) {
        // SQLite plans once, when it prepares a statement.
        return;
    }
    for (name, postgres, _, arguments) in batches() {
        connection.execute_unprepared(&format!("PREPARE of_{name} AS {postgres}")).await.unwrap();
        for _ in 0..9 {
            connection.execute_unprepared(&format!("EXECUTE of_{name}({arguments})")).await.unwrap();
        }
        let planned =
            format!("SELECT custom_plans::text AS count FROM pg_prepared_statements WHERE name = 'of_{name}'");
        // PostgreSQL always plans the first five executions.
        assert_eq!(lines_of(&connection, &planned, "count").await, "5", "{postgres}");
    }
}

#[on_both_databases]
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
        Filter { due_before: due("2026-01-31T10:00"), ..Filter::default() },
        Filter { due_after: due("2026-01-31T10:00:30"), ..Filter::default() },
        Filter { due: Some(DueIn::Overdue), ..Filter::default() },
        Filter { due: Some(DueIn::Today), ..Filter::default() },
        Filter { due: Some(DueIn::Week), ..Filter::default() },
        Filter { due: Some(DueIn::None), ..Filter::default() },
        Filter { search: Some(Search::parse("milk").unwrap()), ..Filter::default() },
    ];
    for filter in filters {
        let plan = plan(&connection, &filter, &Sort::default(), Start::Beginning).await;
        assert_owners_rows_only(&plan, &format!("{filter:?}"));
        assert_no_sort(&plan, &format!("{filter:?}"));
    }
}

#[on_both_databases]
async fn an_index_serves_every_sort_by_one_key_from_any_position_without_a_sort(database: TestDatabase) {
    let connection = crowd(&database).await;
    for key in [SortKey::CreatedAt, SortKey::DueDate, SortKey::Priority, SortKey::Title] {
        for descending in [true, false] {
            let sort = by(&[(key, descending)]);
            let first = plan(&connection, &Filter::default(), &sort, Start::Beginning).await;
            assert_owners_rows_only(&first, &format!("{sort:?}"));
            assert_no_sort(&first, &format!("{sort:?}"));
            let position = sort.position(&some_task(), Some("t"));
            let later = plan(&connection, &Filter::default(), &sort, Start::Behind(&position)).await;
            assert_no_sort(&later, &format!("{sort:?}"));
            // The position is a part of the key with which the index is entered, not a filter on all rows before it.
            let entered = ["Index Cond: ((user_id = 'user 7'::text) AND (", "(user_id=? AND "];
            assert!(entered.iter().any(|entered| later.contains(entered)), "{sort:?}: {later}");
        }
    }
}

#[on_both_databases]
async fn an_index_serves_every_sort_by_one_key_from_any_offset_without_a_sort(database: TestDatabase) {
    let connection = crowd(&database).await;
    for key in [SortKey::CreatedAt, SortKey::DueDate, SortKey::Priority, SortKey::Title] {
        for descending in [true, false] {
            let sort = by(&[(key, descending)]);
            for offset in [20, MAX_OFFSET] {
                let later = plan(&connection, &Filter::default(), &sort, Start::Offset(offset)).await;
                assert_owners_rows_only(&later, &format!("{sort:?} {offset}"));
                assert_no_sort(&later, &format!("{sort:?} {offset}"));
            }
        }
    }
}

#[on_both_databases]
async fn an_index_finds_the_owners_tasks_for_the_sorts_that_no_index_has(database: TestDatabase) {
    let connection = crowd(&database).await;
    for sort in [
        by(&[(SortKey::UpdatedAt, true)]),
        by(&[(SortKey::Priority, true), (SortKey::DueDate, false)]),
        by(&[(SortKey::Title, false), (SortKey::Priority, true), (SortKey::CreatedAt, false)]),
    ] {
        let position = sort.position(&some_task(), Some("t"));
        for start in [Start::Beginning, Start::Behind(&position), Start::Offset(20), Start::Offset(MAX_OFFSET)] {
            let plan = plan(&connection, &Filter::default(), &sort, start).await;
            assert_owners_rows_only(&plan, &format!("{sort:?}"));
        }
    }
}

#[on_both_databases]
async fn a_step_of_a_bulk_edit_finds_its_rows_by_index(database: TestDatabase) {
    let connection = crowd(&database).await;
    let backend = connection.get_database_backend();
    let caller = Caller::authenticated(UserId::parse("user 7").unwrap());
    let (explain, column) =
        if is_postgres(&connection) { ("EXPLAIN", "QUERY PLAN") } else { ("EXPLAIN QUERY PLAN", "detail") };
    for edit in [BulkEdit::CompleteAll, BulkEdit::DeleteCompleted, BulkEdit::Erase] {
        let mut statement = edit.statement(&caller, &[7, 5007, 10_007], backend);
        statement.sql = format!("{explain} {}", statement.sql);
        let plan = lines(&connection, statement, column).await;
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN task"), "{edit:?}: {plan}");
    }
}

/// One owner with very many tasks raises the planner's average of tasks for each owner.
#[on_both_databases]
async fn one_owner_with_very_many_tasks_changes_no_plan_of_a_batch_and_causes_no_compilation(database: TestDatabase) {
    let connection = crowd(&database).await;
    if !is_postgres(&connection) {
        // SQLite has no statistics unless ANALYZE is run, which the server does not do, and compiles nothing.
        return;
    }
    connection.execute_unprepared("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (name, postgres, ..) in batches() {
        connection.execute_unprepared(&format!("PREPARE of_{name} AS {postgres}")).await.unwrap();
    }
    let before = plans_of_batches(&connection, "COSTS OFF").await;
    seed(&connection, 100_000, &[("user_id", "'the large one'"), ("title", "'t'"), ("title_folded", "'t'")]).await;
    // With a million tasks of one owner, a sample of the table contains few of the other owners, and PostgreSQL takes them for
    // few.
    connection.execute_unprepared("ALTER TABLE task ALTER user_id SET (n_distinct = 15)").await.unwrap();
    analyze(&connection).await;
    assert_eq!(plans_of_batches(&connection, "COSTS OFF").await, before);
    for (name, plan) in plans_of_batches(&connection, "COSTS ON").await {
        assert!(!plan.contains("JIT"), "{name}: {plan}");
        let (_, cost) = plan.split_once("..").unwrap();
        let cost: f64 = cost.split(' ').next().unwrap().parse().unwrap();
        // PostgreSQL compiles from 100,000 on. The estimate must not grow with the average owner, who has 13,000 tasks here.
        assert!(cost < 1_000.0, "{name}: {plan}");
    }
}

async fn plans_of_batches(connection: &DatabaseConnection, options: &str) -> Vec<(&'static str, String)> {
    let mut plans = Vec::new();
    for (name, _, _, arguments) in batches() {
        let explain = format!("EXPLAIN ({options}) EXECUTE of_{name}({arguments})");
        plans.push((name, lines_of(connection, &explain, "QUERY PLAN").await));
    }
    plans
}
