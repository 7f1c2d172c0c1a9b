//! The plans of the statements, on a table that is so large that a plan without an index is noticed.
#![expect(clippy::disallowed_methods, reason = "a test makes its callers")]

mod due;
mod log;

use migration::Layout;
use sea_orm::sea_query::{Expr, PostgresQueryBuilder, Query};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use testing::{Backend, TestDatabase, analyze, on_both_databases, seed};

use super::dialect::Dialect;
use super::list::page;
use super::statement::Texts;
use super::{changes, edit, moved, read, sweep, tails};
use crate::model::{Due, DueIn, Filter, MAX_OFFSET, Priority, Search, Sort, SortBy, SortKey, Start, Status, Tag, Task};
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

/// The statements of batches.
fn batches() -> Vec<Texts> {
    let mut batches = read::texts::lookups();
    batches.extend(read::texts::newest());
    batches.extend(edit::texts::all());
    batches
}

/// The statements that PostgreSQL prepares, with their arguments for a batch of one.
fn prepared() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    batches().into_iter().filter_map(|texts| Some((texts.name, texts.postgres?, texts.arguments(1, 0))))
}

/// Those that only insert rows.
const INSERTS: [&str; 12] = [
    "create",
    "create_with_keys",
    "create_one_by_one",
    "create_key",
    "spend",
    "add_owners",
    "recreate",
    "create_whole",
    "create_reminders",
    "log_whole",
    "log_restored",
    "log_reminded",
];

async fn plan(connection: &DatabaseConnection, filter: &Filter, sort: &Sort, start: Start<'_>) -> String {
    let backend = connection.get_database_backend();
    let caller = Caller::authenticated(UserId::parse("user 7").unwrap());
    let mut explained = page(&caller, filter, sort, 21, start, Dialect::of(backend, Layout::Whole));
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

#[on_both_databases]
async fn a_batch_finds_its_rows_by_index(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_changes(&connection).await;
    if !is_postgres(&connection) {
        for Texts { name, sqlite, .. } in batches() {
            let Some(sqlite) = sqlite else { continue };
            let plan = lines_of(&connection, &format!("EXPLAIN QUERY PLAN {sqlite}"), "detail").await;
            assert!(!plan.contains("SCAN task"), "{name}: {plan}");
            assert!(INSERTS.contains(&name) || plan.contains("SEARCH task"), "{name}: {plan}");
        }
        return;
    }
    // The plans that a server uses after a while: made once, for batches of any size.
    connection.execute_unprepared("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (name, postgres, arguments) in prepared() {
        connection.execute_unprepared(&format!("PREPARE of_{name} AS {postgres}")).await.unwrap();
        let plan = lines_of(&connection, &format!("EXPLAIN EXECUTE of_{name}({arguments})"), "QUERY PLAN").await;
        assert!(
            INSERTS.contains(&name) || plan.contains("Index Scan") || plan.contains("Index Only Scan"),
            "{name}: {plan}"
        );
        assert!(!plan.contains("Seq Scan on task") && !plan.contains("Bitmap"), "{name}: {plan}");
        // Owners are sorted to be locked in that order, and their writes are grouped. Tasks are not sorted.
        assert!(!name.starts_with("newest") || !plan.contains("Sort"), "{name}: {plan}");
        // A join of two lists of unknown length must not become a loop over both.
        assert!(!is_quadratic(&plan), "{name}: {plan}");
    }
}

/// Citus keeps a generic plan only of a statement on one table without a join. It plans every other one each time.
#[test]
fn a_statement_for_one_request_on_split_tables_has_no_join() {
    let of_one: Vec<_> = batches().into_iter().filter_map(|texts| Some((texts.name, texts.of_one?))).collect();
    for (name, text) in &of_one {
        for refused in ["JOIN", "unnest", r#""request""#] {
            assert!(!text.contains(refused), "{name}: {text}");
        }
        assert!(text.contains("\"user_id\" = ($1)"), "{name}: {text}");
        // Reads of the log and of a series look twice.
        let tables = text.matches("FROM \"task").count() + usize::from(text.starts_with("UPDATE \"task"));
        assert!(tables == 1 || (tables == 2 && *name == "deleted"), "{name}: {text}");
    }
    for name in ["advance", "found_to_change", "found_to_delete", "change_one_by_one", "delete_one_by_one", "key"] {
        assert!(of_one.iter().any(|(of, _)| *of == name), "{name}");
    }
}

/// Whether a nested loop reads a list of unknown length again for each row of another one. `turns` has only one row.
fn is_quadratic(plan: &str) -> bool {
    let lines: Vec<&str> = plan.lines().collect();
    let depth = |line: &str| line.find(char::is_alphabetic).unwrap_or(0);
    let is_list = |line: &str| (line.contains("CTE Scan") && !line.contains("on turns")) || line.contains("ProjectSet");
    let is_loop = |line: &str| line.contains("Nested Loop");
    (0..lines.len()).filter(|place| is_loop(lines[*place])).any(|place| {
        let below = lines[place + 1..].iter().take_while(|line| depth(line) > depth(lines[place]));
        let nodes: Vec<&&str> = below.filter(|line| line.contains("->")).collect();
        let direct = nodes.iter().map(|node| depth(node)).min();
        let starts: Vec<usize> = (0..nodes.len()).filter(|node| Some(depth(nodes[*node])) == direct).collect();
        let [.., outer, inner] = starts[..] else { return false };
        let has_list = |nodes: &[&&str]| nodes.iter().any(|node| is_list(node));
        let has_index = |nodes: &[&&str]| nodes.iter().any(|node| node.contains("Index"));
        has_list(&nodes[outer..inner]) && has_list(&nodes[inner..]) && !has_index(&nodes[inner..])
    })
}

#[on_both_databases]
async fn a_statement_is_planned_once_for_small_and_large_batches(database: TestDatabase) {
    let connection = crowd(&database).await;
    if !is_postgres(&connection) {
        // SQLite plans once, when it prepares a statement.
        return;
    }
    let mut numbers = (0..).step_by(1000);
    for texts in batches() {
        let (name, Some(postgres)) = (texts.name, texts.postgres) else { continue };
        connection.execute_unprepared(&format!("PREPARE of_{name} AS {postgres}")).await.unwrap();
        for requests in [1, 1, 1, 1, 1, 1, 256, 1, 256] {
            // Each write has a number of its own.
            let arguments = texts.arguments(requests, numbers.next().unwrap());
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
            let position = sort.position(&Task::of_test(7, 1), Some("t"));
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
        let position = sort.position(&Task::of_test(7, 1), Some("t"));
        for start in [Start::Beginning, Start::Behind(&position), Start::Offset(20), Start::Offset(MAX_OFFSET)] {
            let plan = plan(&connection, &Filter::default(), &sort, start).await;
            assert_owners_rows_only(&plan, &format!("{sort:?}"));
        }
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
    for (name, postgres, _) in prepared() {
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
    for (name, _, arguments) in prepared() {
        let explain = format!("EXPLAIN ({options}) EXECUTE of_{name}({arguments})");
        plans.push((name, lines_of(connection, &explain, "QUERY PLAN").await));
    }
    plans
}

/// Adds a change for each task of the crowd, and very many of `the large one`, of whose tasks many are deleted.
async fn add_changes(connection: &DatabaseConnection) {
    let of_crowd = "INSERT INTO task_change (user_id, at, task_id, kind) SELECT user_id, id, id, 1 + id % 3 FROM task";
    let of_the_large_one = "INSERT INTO task_change (user_id, at, task_id, kind)
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 200000)
        SELECT 'the large one', n, n, 1 + n % 3 FROM number";
    for insert in [of_crowd, of_the_large_one] {
        connection.execute_unprepared(insert).await.unwrap();
    }
    let owner = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('the large one', 200000, 1, 0)";
    connection.execute_unprepared(owner).await.unwrap();
    analyze(connection).await;
}

#[on_both_databases]
async fn the_feed_is_read_by_index_and_looks_at_no_more_changes_than_it_may(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_changes(&connection).await;
    for user in ["user 7", "the large one"] {
        let caller = Caller::authenticated(UserId::parse(user).unwrap());
        let backend = connection.get_database_backend();
        let mut explained = changes::log(&caller, 1, 250, Dialect::of(backend, Layout::Whole));
        if !is_postgres(&connection) {
            explained.sql = format!("EXPLAIN QUERY PLAN {}", explained.sql);
            let plan = lines(&connection, explained, "detail").await;
            assert!(!plan.contains("SCAN task") && !plan.contains("TEMP B-TREE FOR ORDER"), "{user}: {plan}");
            assert!(
                plan.contains("SEARCH task_change USING INDEX sqlite_autoindex_task_change_1 (user_id=? AND at>?)"),
                "{plan}"
            );
            continue;
        }
        // Also as PostgreSQL plans it without the values, as it does after a few executions.
        let prepare = format!("PREPARE feed_{} AS {}", user.len(), explained.sql);
        connection.execute_unprepared(&prepare).await.unwrap();
        let values = explained.values.clone().unwrap().0;
        let values: Vec<String> =
            values.iter().map(|value| Expr::val(value.clone())).map(|value| text_of(&value)).collect();
        connection.execute_unprepared("SET plan_cache_mode = force_generic_plan").await.unwrap();
        let generic = format!("EXPLAIN EXECUTE feed_{}({})", user.len(), values.join(", "));
        let generic = lines_of(&connection, &generic, "QUERY PLAN").await;
        connection.execute_unprepared("RESET plan_cache_mode").await.unwrap();
        explained.sql = format!("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) {}", explained.sql);
        let plan = lines(&connection, explained, "QUERY PLAN").await;
        for plan in [&plan, &generic] {
            // This index would be read from the deletion on, for each deletion.
            assert!(!plan.contains("task_change_deleted_at"), "{user}: {plan}");
        }
        assert!(!plan.contains("Seq Scan") && !plan.contains("Bitmap") && !plan.contains("Sort"), "{user}: {plan}");
        assert!(!plan.contains("Hash") && !plan.contains("Materialize"), "{user}: {plan}");
        let rows = |line: &str| -> f64 {
            let actual = line.split_once("actual rows=").and_then(|(_, actual)| actual.split_once(' '));
            actual.map_or(0.0, |(rows, _)| rows.parse().unwrap())
        };
        let read = plan.lines().filter(|line| line.contains("on task_change")).map(rows);
        let read: Vec<f64> = read.collect();
        assert!(read.len() == 3 && read.iter().all(|rows| *rows <= 5000.0), "{user}: {plan}");
    }
}

/// A value as PostgreSQL reads it.
fn text_of(value: &Expr) -> String {
    let select = Query::select().expr(value.clone()).to_owned().to_string(PostgresQueryBuilder);
    select.trim_start_matches("SELECT ").to_owned()
}

#[on_both_databases]
async fn a_sweep_finds_its_rows_by_index(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_changes(&connection).await;
    let dialect = Dialect::of(connection.get_database_backend(), Layout::Whole);
    for (name, text, values) in sweep::texts(dialect) {
        if !is_postgres(&connection) {
            let plan = lines_of(&connection, &format!("EXPLAIN QUERY PLAN {text}"), "detail").await;
            assert!(!plan.contains("SCAN task") && !plan.contains("TEMP B-TREE"), "{name}: {plan}");
            continue;
        }
        connection.execute_unprepared(&format!("PREPARE sweep_{name} AS {text}")).await.unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            connection.execute_unprepared(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let explain = format!("EXPLAIN EXECUTE sweep_{name}({values})");
            let plan = lines_of(&connection, &explain, "QUERY PLAN").await;
            assert!(!plan.contains("Seq Scan") && !plan.contains("Hash") && !plan.contains("Sort"), "{name}: {plan}");
        }
    }
}

#[on_both_databases]
async fn the_statements_for_listeners_find_their_rows_by_index(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_changes(&connection).await;
    let dialect = Dialect::of(connection.get_database_backend(), Layout::Whole);
    if dialect == Dialect::Sqlite {
        let plan = lines_of(&connection, &format!("EXPLAIN QUERY PLAN {}", moved::text(dialect)), "detail").await;
        assert!(plan.contains("SEARCH task_owner") && !plan.contains("SCAN task_owner"), "{plan}");
        return;
    }
    for (name, text) in [("tails", &**tails::TEXT), ("moved", moved::text(dialect))] {
        connection.execute_unprepared(&format!("PREPARE for_{name} AS {text}")).await.unwrap();
        for (mode, owners) in [("force_custom_plan", 1), ("force_custom_plan", 256), ("force_generic_plan", 1)] {
            connection.execute_unprepared(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let all = |value: fn(u32) -> String| (1..=owners).map(value).collect::<Vec<_>>().join(", ");
            let (users, numbers) = (all(|n| format!("'user {n}'")), all(|n| n.to_string()));
            let values = format!("ARRAY[{users}], ARRAY[{numbers}], ARRAY[{numbers}]");
            let explain = format!("EXPLAIN EXECUTE for_{name}({values})");
            let plan = lines_of(&connection, &explain, "QUERY PLAN").await;
            assert!(!plan.contains("Seq Scan") && !plan.contains("Hash") && !plan.contains("Bitmap"), "{name}: {plan}");
        }
    }
}
