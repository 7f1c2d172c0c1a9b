//! A reader of an owner's changes, as a client that polls reads them: each time those behind the last one that it has seen.
//! It reads the table, so that nothing stands between the order of the commits and the check.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use testing::{ConnectionTrait, Statement, connect};
use tokio::time::sleep;

/// The maximum number of changes of a page.
const PAGE: u64 = 200;

/// What a reader has seen of an owner since the history of the owner began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The number at which the history begins. `None` if the owner has no row.
    pub(crate) begin: Option<i64>,
    pub(crate) changes: BTreeSet<i64>,
    /// The changes that were visible when the clock was behind them.
    pub(crate) ahead_of_clock: Vec<i64>,
}

/// Reads until `stop` is set, and then once more to the end.
pub(crate) async fn poll(url: String, owner: &'static str, stop: Arc<AtomicBool>) -> Seen {
    let connection = connect(&url).await;
    let page = format!(
        "SELECT o.\"begin\", o.clock, c.at FROM task_owner o
        LEFT JOIN task_change c ON c.user_id = o.user_id AND c.at > o.\"begin\" AND c.at > $2
        WHERE o.user_id = $1 ORDER BY c.at LIMIT {PAGE}"
    );
    let (mut seen, mut since) = (Seen::default(), 0);
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        let values = [owner.into(), since.into()];
        let page = Statement::from_sql_and_values(connection.get_database_backend(), &page, values);
        let rows = connection.query_all_raw(page).await.unwrap();
        let begin: Option<i64> = rows.first().map(|row| row.try_get("", "begin").unwrap());
        if begin != seen.begin {
            // The owner was erased, or is new: the history begins anew, and the page was read from a position of the old one.
            (seen, since) = (Seen { begin, ahead_of_clock: seen.ahead_of_clock, ..Seen::default() }, 0);
            continue;
        }
        let mut is_empty = true;
        for row in rows {
            let (clock, at): (i64, Option<i64>) = (row.try_get("", "clock").unwrap(), row.try_get("", "at").unwrap());
            let Some(at) = at else { continue };
            if at > clock {
                seen.ahead_of_clock.push(at);
            }
            seen.changes.insert(at);
            (since, is_empty) = (at, false);
        }
        if is_empty && is_last {
            return seen;
        }
        if is_empty {
            sleep(Duration::from_millis(5)).await;
        }
    }
}
