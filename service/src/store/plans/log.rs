//! The plans of the statements that read the trash and the history of a task in the log.

use super::super::{history, trash};
use super::*;
use crate::model::HistoryPosition;

/// Adds changes of the crowd and of `the large one`, and of `the restorer`, who has deleted and restored one task very often.
async fn add_deletions(connection: &DatabaseConnection) {
    let of_the_restorer = "INSERT INTO task_change (user_id, at, task_id, kind, title)
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20000)
        SELECT 'the restorer', n, 1000000, 3 + n % 2, 't' FROM number";
    connection.execute_unprepared(of_the_restorer).await.unwrap();
    let owner = "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('the restorer', 20000, 1, 0)";
    connection.execute_unprepared(owner).await.unwrap();
    add_changes(connection).await;
}

/// The plan of a statement with the numbers of rows that it has read, on PostgreSQL as it is planned without the values.
async fn analyzed(connection: &DatabaseConnection, name: &str, statement: Statement) -> String {
    analyzed_in(connection, "force_generic_plan", name, statement).await
}

/// The same for a mode of planning.
async fn analyzed_in(connection: &DatabaseConnection, mode: &str, name: &str, statement: Statement) -> String {
    let values = statement.values.clone().unwrap().0;
    let values: Vec<String> =
        values.iter().map(|value| Expr::val(value.clone())).map(|value| text_of(&value)).collect();
    connection.execute_unprepared(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
    connection.execute_unprepared(&format!("PREPARE {name} AS {}", statement.sql)).await.unwrap();
    let explain = format!("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) EXECUTE {name}({})", values.join(", "));
    lines_of(connection, &explain, "QUERY PLAN").await
}

/// The number behind a text of a line of a plan, 0 if the line does not have it.
fn number(line: &str, before: &str) -> f64 {
    let behind = line.split_once(before).map_or("0", |(_, behind)| behind);
    behind.split([' ', ')']).next().unwrap().parse().unwrap()
}

fn rows_of(line: &str) -> f64 {
    number(line, "actual rows=")
}

/// Requires that every scan of the log is one of an index that reads 5,000 rows at most, and leaves out none for a deletion.
fn assert_bounded(subject: &str, plan: &str) {
    assert!(!plan.contains("Seq Scan") && !plan.contains("Bitmap") && !plan.contains("Sort"), "{subject}: {plan}");
    assert!(!plan.contains("Hash") && !plan.contains("Materialize"), "{subject}: {plan}");
    let lines: Vec<&str> = plan.lines().collect();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("on task_change")) {
        assert!(line.contains("Index"), "{subject}: {plan}");
        let removed = lines[place + 1..].iter().take_while(|line| !line.contains("->"));
        let removed: f64 = removed.map(|line| number(line, "Rows Removed by Filter: ")).sum();
        assert!(rows_of(line) <= 5000.0 && removed <= 1.0, "{subject}: {plan}");
    }
}

#[on_both_databases]
async fn the_trash_and_the_feed_find_the_last_deletion_of_a_task_at_once_however_often_it_was_deleted(
    database: TestDatabase,
) {
    let connection = crowd(&database).await;
    add_deletions(&connection).await;
    let dialect = Dialect::of(connection.get_database_backend(), Layout::Whole);
    for (place, user) in ["user 7", "the large one", "the restorer"].into_iter().enumerate() {
        let caller = Caller::authenticated(UserId::parse(user).unwrap());
        let trash = trash::trash(&caller, i64::MAX, 1, 250, dialect);
        let feed = changes::log(&caller, 1, 250, dialect);
        for (name, mut statement) in [("trash", trash), ("feed", feed)] {
            if is_postgres(&connection) {
                let plan = analyzed(&connection, &format!("{name}_{place}"), statement).await;
                assert_bounded(&format!("{name} of {user}"), &plan);
                continue;
            }
            statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let plan = lines(&connection, statement, "detail").await;
            assert!(!plan.contains("SCAN task") && !plan.contains("TEMP B-TREE FOR ORDER"), "{name} of {user}: {plan}");
            let next = "SEARCH next_deletion USING COVERING INDEX task_change_deleted_task_id (user_id=? AND (task_id,at)>(?,?))";
            assert!(plan.contains(next), "{name} of {user}: {plan}");
        }
    }
}

#[tokio::test]
async fn an_owner_whom_the_statistics_do_not_know_is_read_by_the_same_indexes_also_if_they_are_bloated() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let connection = crowd(&database).await;
    let deletions = |user: &str, count: u32| {
        format!(
            "INSERT INTO task_change (user_id, at, task_id, kind, title)
            SELECT '{user}', n, 2000000 + n, 3, 't' FROM generate_series(1, {count}) AS n"
        )
    };
    // So few other owners that the statistics list all of them. They know then that a further one has hardly any rows.
    let others = "INSERT INTO task_change (user_id, at, task_id, kind, title)
        SELECT 'other ' || owner, n, 3000000 + n, CASE WHEN n % 10 = 0 THEN 3 ELSE 2 END, 't'
        FROM generate_series(1, 30) AS owner, generate_series(1, 6000) AS n";
    for statement in [
        // The value for spinning disks, with which the difference is larger.
        "RESET random_page_cost",
        others,
        &deletions("the erased one", 150_000),
        "DELETE FROM task_change WHERE user_id = 'the erased one'",
        "VACUUM ANALYZE task_change",
        &deletions("the new one", 6000),
        "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('the new one', 6000, 1, 0)",
        // As the transactions of these statements set it.
        "SET enable_sort = off",
    ] {
        connection.execute_unprepared(statement).await.unwrap();
    }
    let caller = Caller::authenticated(UserId::parse("the new one").unwrap());
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let trash = trash::trash(&caller, i64::MAX, 1, 250, Dialect::Postgres);
        let feed = changes::log(&caller, 1, 250, Dialect::Postgres);
        for (name, statement) in [("trash", trash), ("feed", feed)] {
            let plan = analyzed_in(&connection, mode, &format!("{name}_{mode}"), statement).await;
            assert_bounded(&format!("{name}, {mode}"), &plan);
        }
        for (name, text, values) in edit::texts::of_wipe(Dialect::Postgres) {
            let prepared = format!("{name}_{mode}");
            connection.execute_unprepared(&format!("PREPARE {prepared} AS {text}")).await.unwrap();
            let values = values.replace("user 7", "the new one");
            let explain = format!("EXPLAIN EXECUTE {prepared}({values})");
            let plan = lines_of(&connection, &explain, "QUERY PLAN").await;
            assert!(!plan.contains("Seq Scan") && !plan.contains("Sort") && !plan.contains("Hash"), "{name}: {plan}");
        }
    }
}

#[on_both_databases]
async fn a_step_of_a_wipe_finds_its_rows_by_index(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_deletions(&connection).await;
    for (name, text, values) in edit::texts::of_wipe(Dialect::of(connection.get_database_backend(), Layout::Whole)) {
        if !is_postgres(&connection) {
            let plan = lines_of(&connection, &format!("EXPLAIN QUERY PLAN {text}"), "detail").await;
            assert!(!plan.contains("SCAN task") && !plan.contains("TEMP B-TREE"), "{name}: {plan}");
            continue;
        }
        connection.execute_unprepared(&format!("PREPARE wipe_{name} AS {text}")).await.unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            connection.execute_unprepared(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let plan = lines_of(&connection, &format!("EXPLAIN EXECUTE wipe_{name}({values})"), "QUERY PLAN").await;
            assert!(!plan.contains("Seq Scan") && !plan.contains("Hash") && !plan.contains("Sort"), "{name}: {plan}");
        }
    }
}

#[on_both_databases]
async fn the_history_of_a_task_is_read_by_index_and_looks_at_5000_changes(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_deletions(&connection).await;
    let dialect = Dialect::of(connection.get_database_backend(), Layout::Whole);
    for (place, user) in ["user 7", "the large one"].into_iter().enumerate() {
        let caller = Caller::authenticated(UserId::parse(user).unwrap());
        let position = HistoryPosition { before: i64::MAX, last: 7 };
        let mut statement = history::task_history(&caller, 7, position, 1, 250, dialect);
        if is_postgres(&connection) {
            let plan = analyzed(&connection, &format!("history_{place}"), statement).await;
            // The changes of other tasks are left out of the 5,000.
            let scans: Vec<&str> = plan.lines().filter(|line| line.contains("on task_change")).collect();
            assert!(!scans.is_empty() && scans.iter().all(|line| line.contains("Index")), "{user}: {plan}");
            assert!(!plan.contains("Sort") && !plan.contains("Bitmap"), "{user}: {plan}");
            assert!(scans.iter().all(|line| rows_of(line) <= 5000.0), "{user}: {plan}");
            continue;
        }
        statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let plan = lines(&connection, statement, "detail").await;
        assert!(!plan.contains("SCAN task") && !plan.contains("TEMP B-TREE"), "{user}: {plan}");
    }
}
