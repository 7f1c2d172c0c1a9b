//! Reminders through servers whose clocks differ from the database's.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use sea_orm::{DatabaseConnection, Statement};
use service::{DbConfig, Store, reminders};
use testing::{ConnectionTrait, connect};

use super::journal::{self, Journal};
use super::proxy::{self, Interference};
use super::{postgres, rewrite};

/// The time of the database in the statements of reminders.
const NOW: &str = "extract(epoch FROM now())";

async fn fired(connection: &DatabaseConnection, user: &str) -> Vec<i64> {
    let query = format!(
        "SELECT n::bigint AS n FROM task_reminder WHERE user_id = '{user}' AND fired_at IS NOT NULL ORDER BY task_reminder.n"
    );
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "n").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_fires_by_the_clock_of_the_database_also_if_that_of_the_server_differs_by_an_hour() {
    let Some(url) = postgres().await else { return };
    let connection = connect(&url).await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    for (user, hours) in [("behind", 1), ("ahead", -1)] {
        let by_the_database = NOW.replace("now()", &format!("now() + interval '{hours} hour'"));
        // Each statement has it twice.
        let rewrites = vec![rewrite(NOW, &by_the_database); 2];
        let interference = Interference { rewrites, loses_one_in: 0 };
        let through = proxy::start(&url, interference, Arc::new(Journal::append_to(&journal)), 0).await;
        let store = Store::open(&DbConfig::new(&through), |_| {}).await.unwrap();
        // By the server's clock, both are due if it is ahead, and none if it is behind.
        let now = Utc::now().timestamp_micros();
        let [due, not_due] = [-1800, 1800].map(|seconds| now + (3600 * hours + seconds) * 1_000_000);
        for statement in [
            format!("INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('{user}', 1, 1, 0)"),
            format!("INSERT INTO task_reminder (user_id, task_id, n, at) VALUES ('{user}', 1, 1, {due})"),
            format!("INSERT INTO task_reminder (user_id, task_id, n, at) VALUES ('{user}', 1, 2, {not_due})"),
        ] {
            connection.execute_unprepared(&statement).await.unwrap();
        }
        let watching = async {
            while fired(&connection, user).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            store.firing().stop();
        };
        tokio::join!(reminders::fire(store.clone(), |_| {}), watching);
        assert_eq!(fired(&connection, user).await, [1], "{user}");
    }
    assert_eq!(journal::read(&journal).len(), 4, "a rewrite found no statement");
}
