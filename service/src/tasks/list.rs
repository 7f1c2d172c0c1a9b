use ::entity::task::{COLUMN, Column, Entity};
use sea_orm::{QueryFilter, QueryOrder, Select};

use super::owned::owned_by;
use super::task::{Status, Task};
use crate::{Caller, Db, Error};

/// The caller's tasks, newest first.
pub async fn list(db: &Db, caller: &Caller, status: Status) -> Result<Vec<Task>, Error> {
    let rows = db.read(async |db| query(caller, status).all(db).await).await?;
    Ok(rows.into_iter().map(Task::from).collect())
}

fn query(caller: &Caller, status: Status) -> Select<Entity> {
    let tasks = owned_by(caller).select().order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
    match status {
        Status::All => tasks,
        Status::Pending => tasks.filter(COLUMN.completed.eq(false)),
        Status::Completed => tasks.filter(COLUMN.completed.eq(true)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test says who asks")]
mod tests {
    use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
    use testing::{TestDatabase, on_both_databases};

    use super::*;
    use crate::UserId;

    on_both_databases! {
        async fn the_index_serves_every_list_without_a_sort(database: TestDatabase) {
            let connection = database.connect().await;
            let backend = connection.get_database_backend();
            let rows = "INSERT INTO task (user_id, title, completed, created_at, updated_at)
                WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000)
                SELECT 'user ' || n % 5000, 't', n % 3 = 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP FROM number";
            connection.execute_unprepared(rows).await.unwrap();
            connection.execute_unprepared("ANALYZE task").await.unwrap();
            if backend == DbBackend::Postgres {
                // What solid-state disks are set to. At the default for spinning ones PostgreSQL may rather fetch a few rows
                // in the order of their pages and sort those, which costs it nothing; it would not for many.
                connection.execute_unprepared("SET random_page_cost = 1.1").await.unwrap();
            }
            let caller = Caller::authenticated(UserId::parse("user 7").unwrap());
            for status in [Status::All, Status::Pending, Status::Completed] {
                let (explain, column) = match backend {
                    DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
                    _ => ("EXPLAIN", "QUERY PLAN"),
                };
                let sql = format!("{explain} {}", query(&caller, status).build(backend));
                let plan = connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
                let plan: Vec<String> = plan.iter().map(|row| row.try_get("", column).unwrap()).collect();
                let plan = plan.join("\n");
                assert!(plan.contains("task_user_id_created_at_id"), "{status:?}: {plan}");
                assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{status:?}: {plan}");
            }
        }
    }
}
