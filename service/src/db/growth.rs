use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use super::Db;
use crate::Error;

/// After how many new tasks PostgreSQL is asked what it takes the table for. Beyond the last, the plans are those of a large table.
const MARKS: [u32; 4] = [1_000, 4_000, 16_000, 64_000];

/// The tasks that this process has created.
///
/// PostgreSQL keeps the plan of a prepared statement until it hears that the table is another one than it was: from autovacuum, which
/// looks once a minute. The plan for a small table reads all of it, and a young one can be a thousand times as large before that
/// minute is over.
#[derive(Debug, Default)]
pub(super) struct Growth(AtomicU64);

impl Growth {
    /// Counts new tasks. The mark that was reached with them, if any.
    pub(super) fn count(&self, tasks: usize) -> Option<u32> {
        let tasks = u64::try_from(tasks).unwrap_or_default();
        let before = self.0.fetch_add(tasks, Ordering::Relaxed);
        let reached = before.saturating_add(tasks);
        MARKS.into_iter().rfind(|mark| (before + 1..=reached).contains(&u64::from(*mark)))
    }
}

/// Has PostgreSQL look at the table where it takes it for smaller than `rows`: it then plans anew, for every server.
///
/// # Errors
/// What the database answers. It is nobody's loss: autovacuum comes in any case. A role that may not do this is only warned.
pub(super) async fn look(db: &Db, rows: u32) -> Result<(), Error> {
    let taken_for = async |db: &DatabaseConnection| {
        let sql = "SELECT reltuples::float8 AS rows FROM pg_class WHERE oid = 'task'::regclass";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        row.map(|row| row.try_get::<f64>("", "rows")).transpose()
    };
    if db.read(taken_for).await?.is_some_and(|taken_for| taken_for < f64::from(rows)) {
        // Whoever holds the lock that it needs is looking already, or about to change more than the plans.
        db.write(async |db| db.execute_unprepared("ANALYZE (SKIP_LOCKED) task").await).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
    async fn a_table_is_looked_at_only_where_it_is_taken_for_smaller_than_it_is() {
        let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
        let db = Db::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
        let rows = "INSERT INTO task (user_id, title, completed, created_at, updated_at)
            SELECT 'alice', 't', false, now(), now() FROM generate_series(1, 1000)";
        database.connect().await.execute_unprepared(rows).await.unwrap();
        let statements = async || {
            let before = db.statements();
            look(&db, 1_000).await.unwrap();
            db.statements() - before
        };
        assert_eq!(statements().await, 2, "asks, and has it look");
        assert_eq!(statements().await, 1, "asks");
    }
}
