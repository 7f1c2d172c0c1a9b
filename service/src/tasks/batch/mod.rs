//! The door to the rows of many owners at a time: each row of a set carries its owner, and each statement compares it. What is
//! asked for once it asks for many; there is no other statement for one.
//!
//! On PostgreSQL a set comes as one array for each column, on SQLite as one JSON array of objects: either way the text of the
//! statement is the same for every size of the set. Where rows are looked up, each array stands in a SELECT of its own, which
//! hides its length from PostgreSQL's planner: where it knows that a set is small it takes a plan for just that set to be the
//! cheaper one, and plans anew each time.
//!
//! PostgreSQL sends null for what is as in a plain new task: to send a value costs it more than to compare it, and a list sends
//! many. None of these columns can be null otherwise.

mod create;
mod get;
mod list;
mod update;

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

pub(super) use self::create::{Create, NewRow};
pub(crate) use self::get::Get;
pub(super) use self::list::Newest;
pub(super) use self::update::{Update, Written};
use crate::db::batch::Queue;
use crate::db::kept::Lane;

/// What waits to be answered together.
#[derive(Default)]
pub(crate) struct Queues {
    reads: Lane,
    writes: Lane,
    get: Queue<Get>,
    newest: Queue<Newest>,
    create: Queue<Create>,
    update: Queue<Update>,
}

impl Queues {
    /// Every lane.
    pub(crate) fn lanes(&self) -> [&Lane; 2] {
        [&self.reads, &self.writes]
    }
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queues").finish_non_exhaustive()
    }
}

/// The columns of `task` that are read, in the order of [`READ`](super::row::READ).
macro_rules! columns {
    () => {
        "id, title, description, completed, created_at, updated_at, completed_at, priority, tags, due_date"
    };
}
use columns;

/// The same from PostgreSQL, see above for what comes as null.
macro_rules! read {
    () => {
        "task.id, task.title, task.description, NULLIF(task.completed, false) AS completed, task.created_at, \
         NULLIF(task.updated_at, task.created_at) AS updated_at, task.completed_at, \
         NULLIF(task.priority, 0) AS priority, NULLIF(task.tags, '[]') AS tags, task.due_date"
    };
}
use read;

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
    use testing::{TestDatabase, on_both_databases};

    use super::*;

    async fn lines(connection: &DatabaseConnection, sql: &str, column: &str) -> String {
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// A hundred thousand tasks, twenty of each user.
    async fn crowd(database: &TestDatabase) -> DatabaseConnection {
        let connection = database.connect().await;
        let rows = "INSERT INTO task (user_id, title, completed, created_at, updated_at)
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000)
            SELECT 'user ' || n % 5000, 't', n % 3 = 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP FROM number";
        connection.execute_unprepared(rows).await.unwrap();
        if connection.get_database_backend() == DbBackend::Postgres {
            // From a sample of the rows PostgreSQL now and then guesses half as many users, and plans otherwise: all of them.
            connection.execute_unprepared("SET default_statistics_target = 400").await.unwrap();
        }
        connection.execute_unprepared("ANALYZE task").await.unwrap();
        connection
    }

    on_both_databases! {
        async fn a_set_is_found_by_index_however_many_rows_others_have(database: TestDatabase) {
            let connection = crowd(&database).await;
            if connection.get_database_backend() == DbBackend::Sqlite {
                for (statement, index) in [(get::SQLITE, "PRIMARY KEY"), (update::SQLITE, "PRIMARY KEY")] {
                    let plan = lines(&connection, &format!("EXPLAIN QUERY PLAN {statement}"), "detail").await;
                    assert!(plan.contains(index) && !plan.contains("SCAN task"), "{plan}");
                }
                return;
            }
            // What a server runs after a while: planned once, for sets of any size.
            connection.execute_unprepared("SET plan_cache_mode = force_generic_plan").await.unwrap();
            // As solid-state disks are set to.
            connection.execute_unprepared("SET random_page_cost = 1.1").await.unwrap();
            let nulls = ", NULL".repeat(13);
            for (name, statement, arguments) in [
                ("get", get::POSTGRES, "ARRAY['user 7'], ARRAY[7]".to_owned()),
                ("newest", list::POSTGRES, "ARRAY['user 7'], ARRAY[21]".to_owned()),
                ("update", update::POSTGRES, format!("now(), ARRAY['user 7'], ARRAY[7]{nulls}, '1s'")),
            ] {
                connection.execute_unprepared(&format!("PREPARE {name} AS {statement}")).await.unwrap();
                let plan = lines(&connection, &format!("EXPLAIN EXECUTE {name}({arguments})"), "QUERY PLAN").await;
                let is_in_order = !plan.contains("Sort") && !plan.contains("Bitmap");
                assert!(plan.contains("Index Scan") && !plan.contains("Seq Scan") && is_in_order, "{name}: {plan}");
            }
        }

        async fn a_small_set_is_not_planned_anew_each_time(database: TestDatabase) {
            let connection = crowd(&database).await;
            if connection.get_database_backend() == DbBackend::Sqlite {
                // It plans once, where it prepares.
                return;
            }
            let nulls = |types: &[&str]| types.iter().map(|of| format!(", ARRAY[NULL::{of}]")).collect::<Vec<_>>().concat();
            let of_create = format!(
                "ARRAY['u'], ARRAY['t'], ARRAY['t']{}, ARRAY[0], ARRAY['[]'], ARRAY['']{}, ARRAY[now()]",
                nulls(&["text", "text"]),
                nulls(&["text", "timestamptz"]),
            );
            let of_update = nulls(&[
                "text", "text", "bool", "text", "text", "bool", "bool", "int2", "text", "text", "bool", "text", "timestamptz",
            ]);
            for (statement, arguments) in [
                (get::POSTGRES, "ARRAY['user 7'], ARRAY[7]".to_owned()),
                (list::POSTGRES, "ARRAY['user 7'], ARRAY[21]".to_owned()),
                (create::POSTGRES, of_create),
                (update::POSTGRES, format!("now(), ARRAY['user 7'], ARRAY[7]{of_update}, '1s'")),
            ] {
                connection.execute_unprepared(&format!("PREPARE of_one AS {statement}")).await.unwrap();
                for _ in 0..9 {
                    connection.execute_unprepared(&format!("EXECUTE of_one({arguments})")).await.unwrap();
                }
                let planned = "SELECT custom_plans::text AS count FROM pg_prepared_statements WHERE name = 'of_one'";
                // The first five times it always is.
                assert_eq!(lines(&connection, planned, "count").await, "5", "{statement}");
                connection.execute_unprepared("DEALLOCATE of_one").await.unwrap();
            }
        }
    }
}
