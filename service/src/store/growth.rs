use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{DbBackend, QueryResult, Statement};

use crate::Error;
use crate::db::Db;

/// The numbers of new tasks at which PostgreSQL is asked how large it takes the table for. Beyond the last one, its plans are
/// those of a large table.
const MARKS: [u32; 4] = [1_000, 4_000, 16_000, 64_000];

/// The time limit of the question and of ANALYZE, which reads a sample of the table.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The number of tasks that this process has created.
///
/// PostgreSQL keeps the plan of a prepared statement until it learns that the table has changed. It learns that from autovacuum,
/// which runs once a minute. The plan for a small table reads all of it, and a new table can grow a thousandfold within that
/// minute.
#[derive(Debug, Default)]
pub(super) struct Growth(AtomicU64);

impl Growth {
    /// Counts new tasks. At a mark, PostgreSQL is asked to look at the table, in the background.
    pub(super) fn add(&self, db: &Db, tasks: usize) {
        // The plans of SQLite do not depend on the size of the table.
        if db.backend() == DbBackend::Postgres
            && let Some(mark) = self.count(tasks)
        {
            let db = db.clone();
            tokio::spawn(async move { analyze(&db, mark).await });
        }
    }

    /// Counts new tasks. Returns the mark that was reached with them, if there is one.
    fn count(&self, tasks: usize) -> Option<u32> {
        let tasks = u64::try_from(tasks).unwrap_or_default();
        let before = self.0.fetch_add(tasks, Ordering::Relaxed);
        let reached = before.saturating_add(tasks);
        MARKS.into_iter().rfind(|mark| (before + 1..=reached).contains(&u64::from(*mark)))
    }
}

/// The tables that grow with the tasks.
const TABLES: [&str; 3] = ["task", "task_owner", "task_change"];

/// Runs ANALYZE if PostgreSQL takes the table of tasks for smaller than `rows`. Every server then gets new plans.
///
/// # Errors
/// An error of the database. It has no consequence, because autovacuum runs in any case. A role without the permission only gets
/// a warning.
async fn analyze(db: &Db, rows: u32) -> Result<(), Error> {
    let statement = |sql: &str| Statement::from_string(db.backend(), sql);
    let question = statement("SELECT reltuples::float8 FROM pg_class WHERE oid = 'task'::regclass");
    let set = |estimate: &mut f64, row: QueryResult| {
        *estimate = row.try_get_by_index(0)?;
        Ok(())
    };
    if db.select(&question, TIME_LIMIT, set).await? < f64::from(rows) {
        for table in TABLES {
            // A session that holds the needed lock is analyzing already, or it changes more than the plans.
            db.execute(&statement(&format!("ANALYZE (SKIP_LOCKED) {table}")), TIME_LIMIT).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;
    use testing::{Backend, TestDatabase};

    use super::*;
    use crate::DbConfig;

    #[test]
    fn each_mark_is_reached_once() {
        let growth = Growth::default();
        let reached: Vec<_> =
            [999, 1, 1, 2_999, 0, 11_999, 2, 100_000, 100_000].map(|tasks| growth.count(tasks)).into();
        let never = None;
        assert_eq!(reached, [never, Some(1_000), never, Some(4_000), never, never, Some(16_000), Some(64_000), never]);
    }

    #[tokio::test]
    async fn a_table_is_analyzed_only_if_postgresql_takes_it_for_smaller_than_it_is() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let rows = "INSERT INTO task (user_id, title, completed, created_at, updated_at)
            SELECT 'alice', 't', false, now(), now() FROM generate_series(1, 1000)";
        database.connect().await.execute_unprepared(rows).await.unwrap();
        let statements = async || {
            let before = db.statements();
            analyze(&db, 1_000).await.unwrap();
            db.statements() - before
        };
        assert_eq!(statements().await, 4, "the question, and ANALYZE of each table");
        assert_eq!(statements().await, 1, "the question");
    }
}
