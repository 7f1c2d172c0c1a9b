use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tokio::time::timeout;

use super::DEADLINE;

/// After how many new tasks PostgreSQL is first asked what it takes the table for, and how many times as many each further time.
const FIRST: u64 = 1_000;
const TIMES: u64 = 4;
/// Beyond this, the plans are those of a large table.
const LAST: u64 = 64_000;

/// The rows that this process has put into the table.
///
/// PostgreSQL keeps the plan of a prepared statement until it hears that the table is another one than it was: from autovacuum, which
/// looks once a minute. The plan for a small table reads all of it, and a young one can be many times as large before that minute is
/// over: each request then costs hundreds of times what it should.
#[derive(Debug, Default)]
pub(super) struct Growth(AtomicU64);

impl Growth {
    /// Counts new rows. How many there are now, where it is time to look.
    pub(super) fn count(&self, rows: usize) -> Option<u64> {
        let rows = u64::try_from(rows).unwrap_or_default();
        let before = self.0.fetch_add(rows, Ordering::Relaxed);
        let after = before.saturating_add(rows);
        let mut marks = std::iter::successors(Some(FIRST), |mark| Some(mark * TIMES)).take_while(|mark| *mark <= LAST);
        marks.any(|mark| before < mark && mark <= after).then_some(after)
    }
}

/// Has PostgreSQL look at the table where it takes it for smaller than `rows`: it then plans anew, for every server.
///
/// What goes wrong here is nobody's loss: autovacuum comes in any case, and a user who may not do this is only warned.
pub(super) async fn look(connection: DatabaseConnection, rows: u64) {
    let looking = async {
        let taken_for = "SELECT reltuples::float8 AS rows FROM pg_class WHERE oid = 'task'::regclass";
        let statement = Statement::from_string(connection.get_database_backend(), taken_for);
        let row = connection.query_one_raw(statement).await?.ok_or(DbErr::RecordNotFound(String::new()))?;
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred thousand")]
        if row.try_get::<f64>("", "rows")? < rows as f64 {
            connection.execute_unprepared("ANALYZE task").await?;
        }
        Ok::<_, DbErr>(())
    };
    let _ = timeout(DEADLINE, looking).await;
}
