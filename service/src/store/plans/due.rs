//! The plan of the statement that looks for what is due.

use std::time::Duration;

use super::super::due;
use super::*;
use crate::store::DueBehind;

/// A hundred thousand reminders, of which most have fired or are due much later, and of the others most are of one owner.
async fn add_reminders(connection: &DatabaseConnection) {
    let reminders = "INSERT INTO task_reminder (user_id, task_id, n, at, fired_at)
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000)
        SELECT CASE WHEN n % 10 = 0 THEN 'the large one' ELSE 'user ' || (n % 5000) END, n, 1,
            CASE WHEN n % 3 = 0 THEN 7 ELSE 4000000000000000 + n END, CASE WHEN n % 3 = 1 THEN 9 END
        FROM number";
    connection.execute_unprepared(reminders).await.unwrap();
}

#[on_both_databases]
async fn reminders_that_are_due_are_found_by_an_index_in_their_order(database: TestDatabase) {
    let connection = crowd(&database).await;
    add_reminders(&connection).await;
    let dialect = Dialect::of(connection.get_database_backend(), Layout::Whole);
    let except = [UserId::parse("the large one").unwrap()];
    let mut statement = due::statement(&DueBehind::default(), Duration::from_secs(5), &except, 7, dialect);
    if dialect == Dialect::Sqlite {
        statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let plan = lines(&connection, statement, "detail").await;
        let index = "SEARCH task_reminder USING INDEX task_reminder_due ((at,user_id,task_id,n)>(?,?,?,?) AND at<?)";
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
        return;
    }
    connection.execute_unprepared(&format!("PREPARE due AS {}", statement.sql)).await.unwrap();
    // Also without statistics, as on a new server.
    for analyzed in [false, true] {
        if analyzed {
            connection.execute_unprepared("VACUUM ANALYZE task_reminder").await.unwrap();
        }
        for mode in ["force_custom_plan", "force_generic_plan"] {
            connection.execute_unprepared(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let explain = "EXPLAIN EXECUTE due(0, '', 0, 0::smallint, 5000000, ARRAY['the large one'])";
            let plan = lines_of(&connection, explain, "QUERY PLAN").await;
            assert!(plan.contains("using task_reminder_due") && !plan.contains("Sort"), "{mode}: {plan}");
            assert!(
                plan.contains("Index Cond: ((ROW(at, user_id, task_id, n) > ") && plan.contains("AND (at <= "),
                "{plan}"
            );
        }
    }
}
