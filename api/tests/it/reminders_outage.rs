//! Reminders that are due while the database is down.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testing::{ConnectionTrait, OwnCluster, Statement};

use crate::several_servers::until;
use crate::support::door::Door;
use crate::support::program::Program;
use crate::support::{SECRET, User, token};

const USERS: usize = 6;

/// The tasks and numbers of the reminders of all users that have fired, or have not.
async fn reminders(connection: &impl ConnectionTrait, fired_at: &str) -> BTreeSet<(i64, i64)> {
    let query = format!("SELECT task_id, n::bigint FROM task_reminder WHERE fired_at {fired_at}");
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

/// Lets all reminders up to this number that have not fired be due since so many seconds.
async fn make_due(connection: &impl ConnectionTrait, up_to: u8, seconds: u32) {
    let update = format!(
        "UPDATE task_reminder SET at = (extract(epoch FROM now()) * 1000000)::bigint - {seconds} * 1000000
        WHERE fired_at IS NULL AND n <= {up_to}"
    );
    connection.execute_unprepared(&update).await.unwrap();
}

/// Creates two tasks with five reminders each. Returns the state of the list.
async fn remind(user: &User) -> i64 {
    let reminders: Vec<Value> = (1..=5).map(|hour| json!({"at": format!("2099-01-31T0{hour}:00:00Z")})).collect();
    let mut state = 0;
    for _ in 0..2 {
        let task = user.post(201, "/api/tasks", json!({"title": "t", "reminders": reminders})).await.json();
        state = task["version"].as_i64().unwrap();
    }
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_of_the_database_each_reminder_has_fired_once_and_those_of_the_outage_are_late() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let (mut door, folder) = (Door::to(&cluster.url()).await, tempfile::tempdir().unwrap());
    let start = || {
        let variables = [
            ("DATABASE_URL", door.url()),
            ("BETTER_AUTH_SECRET", SECRET.to_owned()),
            ("DATABASE_MAX_CONNECTIONS", "6".to_owned()),
            ("WORKERS", "1".to_owned()),
            ("READY_AFTER_SECONDS", "2".to_owned()),
        ];
        Program::start(folder.path(), variables)
    };
    let servers: Vec<Program> = (0..3).map(|_| start()).collect();
    let users: Vec<User> = (0..USERS).map(|user| servers[user % 3].bearer(&token(&format!("user {user}")))).collect();
    let mut states = Vec::new();
    for user in &users {
        states.push(remind(user).await);
    }

    // The outage begins while the first ones fire, and PostgreSQL is killed in it.
    let connection = testing::connect(&cluster.url()).await;
    make_due(&connection, 2, 0).await;
    until("the first reminder fires", async || !reminders(&connection, "IS NOT NULL").await.is_empty()).await;
    door.close().await;
    cluster.signal("KILL");
    cluster.ctl(&["start"]);
    let connection = testing::connect(&cluster.url()).await;
    make_due(&connection, 5, 100).await;
    let of_outage = reminders(&connection, "IS NULL").await;
    assert!(of_outage.len() >= USERS * 2 * 3, "{of_outage:?}");
    for server in &servers {
        let ready = format!("{}/health/ready", server.address());
        until("the server notices the outage", async || reqwest::get(&ready).await.unwrap().status() == 503).await;
    }
    assert_eq!(reminders(&connection, "IS NULL").await, of_outage);

    door.open().await;
    until("all reminders fire", async || reminders(&connection, "IS NULL").await.is_empty()).await;
    for (user, state) in users.iter().zip(states) {
        let feed = user.get(200, &format!("/api/tasks/changes?since={state}")).await.json();
        let mut seen = BTreeSet::new();
        for element in feed["changes"].as_array().unwrap() {
            assert_eq!(element["type"], "reminder", "{feed}");
            let key = (element["id"].as_i64().unwrap(), element["reminder"]["n"].as_i64().unwrap());
            assert!(seen.insert(key), "twice: {element}");
            let late_by = element["reminder"]["late_by"].as_i64();
            assert!(!of_outage.contains(&key) || late_by >= Some(100), "{element}");
        }
        assert_eq!(seen.len(), 10, "{feed}");
    }
}
