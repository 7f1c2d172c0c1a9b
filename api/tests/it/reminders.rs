//! Reminders in the feed and as events, and `POST /api/tasks/{id}/reminders/{n}/snooze`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use testing::{Backend, ConnectionTrait, Statement, TestDatabase, on_both_databases};
use tokio::time::sleep;

use crate::support::program::Program;
use crate::support::{Answer, SECRET, TestApp};

/// Lets all reminders be due since so many seconds.
async fn make_due(app: &TestApp, seconds: i64) {
    let at = Utc::now().timestamp_micros() - seconds * 1_000_000;
    let update = format!("UPDATE task_reminder SET at = {at} WHERE fired_at IS NULL");
    app.database.connect().await.execute_unprepared(&update).await.unwrap();
}

fn path(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"])
}

#[on_both_databases]
async fn a_reminder_is_an_event_and_an_element_of_the_feed_and_leaves_the_task_as_it_is(app: TestApp) {
    let alice = app.user("alice");
    let reminders = json!([{"at": "2099-01-31T09:00:00+01:00"}, {"at": "2099-01-31T10:00:00+01:00"}]);
    let task = alice.post(201, "/api/tasks", json!({"title": "t", "reminders": reminders})).await.json();
    let (mut tab, state) = alice.listen("").await;
    make_due(&app, 100).await;
    let mut heard = Vec::new();
    for n in [1, 2] {
        let event = tab.next().await.unwrap();
        assert_eq!((event.name.as_str(), &event.data["type"]), ("reminder", &json!("reminder")), "{event:?}");
        assert_eq!((&event.data["id"], event.data["version"].as_i64()), (&task["id"], Some(event.number())));
        let reminder = &event.data["reminder"];
        assert_eq!(reminder["n"], n);
        let at = DateTime::parse_from_rfc3339(reminder["at"].as_str().unwrap()).unwrap();
        assert!(reminder["late_by"].as_i64().unwrap() >= 100 && at < Utc::now() - TimeDelta::seconds(99));
        heard.push(event.data);
    }
    assert_eq!(alice.get(200, &path(&task)).await.json(), task);
    // `If-Match` with the version that the client has is not stale.
    let request = alice.request(Method::PATCH, &path(&task)).header("if-match", format!("\"{}\"", task["version"]));
    let changed = Answer::expect(200, request.json(&json!({"title": "u"}))).await.json();
    let feed = alice.get(200, &format!("/api/tasks/changes?since={state}")).await.json();
    heard.push(json!({"type": "changed", "task": changed}));
    assert_eq!((&feed["changes"], &feed["state"]), (&json!(heard), &changed["version"]));
    assert_eq!(tab.change().await, heard[2]);
    // A reader that comes back hears the reminders once more, at their numbers.
    let (mut again, _) = alice.listen(&format!("?since={state}")).await;
    for expected in &heard[..2] {
        assert_eq!(&again.next().await.unwrap().data, expected);
    }
}

#[on_both_databases]
async fn a_reminder_that_is_put_off_fires_again_and_the_task_keeps_its_version(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let reminders = json!([{"at": "2099-01-31T09:00:00+01:00"}]);
    let task = alice.post(201, "/api/tasks", json!({"title": "t", "reminders": reminders})).await.json();
    let (mut tab, _) = alice.listen("").await;
    make_due(&app, 1).await;
    assert!(
        tab.next().await.unwrap().data["reminder"].get("late_by").is_none_or(|seconds| seconds.as_i64() > Some(10))
    );

    let snooze = format!("{}/reminders/1/snooze", path(&task));
    let begun = Utc::now();
    let put_off = alice.post(200, &snooze, json!({"minutes": 40320})).await.json();
    assert_eq!((&put_off["id"], &put_off["n"]), (&task["id"], &json!(1)));
    let at = DateTime::parse_from_rfc3339(put_off["at"].as_str().unwrap()).unwrap();
    assert!(at >= begun + TimeDelta::days(28) - TimeDelta::seconds(1) && at <= Utc::now() + TimeDelta::days(28));
    assert_eq!(alice.get(200, &path(&task)).await.json(), task);
    make_due(&app, 1).await;
    assert_eq!(tab.next().await.unwrap().name, "reminder");

    for body in [
        json!({"minutes": 0}),
        json!({"minutes": 40321}),
        json!({"minutes": "ten"}),
        json!({"minutes": 1.5}),
        json!({}),
    ] {
        let refused = alice.post(422, &snooze, body).await;
        assert_eq!(refused.json()["errors"][0]["field"], "minutes", "{}", refused.text);
    }
    for (status, code, n) in [
        (404, "reminder_not_found", "0"),
        (404, "reminder_not_found", "2"),
        (404, "reminder_not_found", "-1"),
        (404, "reminder_not_found", "99999999999999999999"),
        (422, "invalid_parameter", "1.5"),
        (422, "invalid_parameter", "first"),
    ] {
        let refused =
            alice.post(status, &format!("{}/reminders/{n}/snooze", path(&task)), json!({"minutes": 10})).await;
        assert_eq!(refused.code(), code, "{n}");
    }
    assert_eq!(bob.post(403, &snooze, json!({"minutes": 10})).await.code(), "not_owner");
    let plain = alice.create("plain").await;
    let refused = alice.post(404, &format!("{plain}/reminders/1/snooze"), json!({"minutes": 10})).await;
    assert_eq!(refused.code(), "reminder_not_found");
    alice.toggle(200, &path(&task)).await;
    assert_eq!(alice.post(409, &snooze, json!({"minutes": 10})).await.code(), "task_completed");
    alice.delete(204, &path(&task)).await;
    assert_eq!(alice.post(404, &snooze, json!({"minutes": 10})).await.code(), "task_not_found");
}

async fn count(connection: &impl ConnectionTrait, what: &str) -> i64 {
    let query = format!("SELECT COUNT(*) AS count FROM {what}");
    let statement = Statement::from_string(connection.get_database_backend(), query);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get("", "count").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reminder_of_a_storm_fires_once_while_three_servers_are_killed_at_random() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    let connection = database.connect().await;
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let variables = [
            ("DATABASE_URL", database.url()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("DATABASE_MAX_CONNECTIONS", "6"),
            ("WORKERS", "1"),
        ];
        Program::start(folder.path(), variables)
    };
    let mut servers: Vec<Program> = (0..3).map(|_| start()).collect();
    // 400 reminders of 40 owners, over four seconds from now on.
    for statement in [
        "INSERT INTO task_owner (user_id, clock, \"begin\", tasks) SELECT 'user ' || n, 1, 1, 0 FROM generate_series(0, 39) AS n",
        "INSERT INTO task_reminder (user_id, task_id, n, at) SELECT 'user ' || n % 40, n / 40 / 5, 1 + n / 40 % 5,
            (extract(epoch FROM now()) * 1000000)::bigint + n * 7919 % 400 * 10000 FROM generate_series(0, 399) AS n",
    ] {
        connection.execute_unprepared(statement).await.unwrap();
    }
    let (mut kills, mut random) = (0, 88_172_645_463_325_252_u64);
    while count(&connection, "task_reminder WHERE fired_at IS NULL").await > 0 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if kills < 9 {
            sleep(Duration::from_millis(random % 300)).await;
            let number = usize::try_from(random % 3).unwrap();
            servers[number].signal("KILL");
            servers[number] = start();
            kills += 1;
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(count(&connection, "task_change WHERE kind = 5").await, 400);
    let of_reminder = "task_change.user_id = task_reminder.user_id AND task_change.task_id = task_reminder.task_id
        AND (reminder::json ->> 'n')::int = n AND (reminder::json ->> 'at')::bigint = task_reminder.at";
    let fired_once = format!("task_reminder WHERE (SELECT COUNT(*) FROM task_change WHERE {of_reminder}) = 1");
    assert_eq!(count(&connection, &fired_once).await, 400);
    // Their numbers are those of the clocks of their owners.
    let at_their_clocks =
        "task_owner WHERE clock = (SELECT MAX(at) FROM task_change WHERE user_id = task_owner.user_id)";
    assert_eq!(count(&connection, at_their_clocks).await, 40);
}
