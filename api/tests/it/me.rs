//! `/api/me`

use serde_json::json;
use testing::{TestDatabase, on_both_databases};

use crate::support::program::Program;
use crate::support::{SECRET, TestApp, token};

#[on_both_databases]
async fn erasing_removes_every_task_of_the_caller_and_none_of_the_others(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    for title in ["one", "two"] {
        alice.create(title).await;
        bob.create(title).await;
    }
    assert_eq!(alice.delete(204, "/api/me").await.text, "");
    assert_eq!(alice.titles("/api/tasks").await, [""; 0]);
    let export = alice.get(200, "/api/me/export").await.json();
    assert_eq!((&export["tasks"], &export["trash"]), (&json!([]), &json!([])));
    assert_eq!(bob.titles("/api/tasks").await, ["two", "one"]);
    alice.delete(204, "/api/me").await;
}

#[on_both_databases]
async fn an_export_contains_every_task_of_the_caller(app: TestApp) {
    let alice = app.user("al\"ice");
    assert_eq!(alice.get(200, "/api/me/export").await.json()["tasks"], json!([]));
    app.user("bob").create("his").await;
    let columns = [
        ("user_id", "'al\"ice'"),
        ("completed", "n % 2 = 0"),
        ("created_at", "'2026-01-01T00:00:00.500+00:00'"),
        ("updated_at", "'2026-01-01T00:00:00.500+00:00'"),
    ];
    testing::seed(&app.database.connect().await, 1250, &columns).await;
    let answer = alice.get(200, "/api/me/export").await;
    let export = answer.json();
    assert_eq!(export["user_id"], "al\"ice");
    assert_eq!(export["tasks"], alice.get(200, "/api/tasks").await.json());
    assert_eq!(export["tasks"].as_array().map(Vec::len), Some(1250));
    assert!(answer.header("content-disposition").starts_with("attachment"));
}

#[on_both_databases]
async fn an_export_contains_the_trash_of_the_caller(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let path = bob.create("his").await;
    bob.delete(204, &path).await;
    testing::seed(&app.database.connect().await, 130, &[("completed", "n > 2")]).await;
    // More than a part of the stream.
    assert_eq!(alice.delete(200, "/api/tasks?status=completed").await.json()["count"], 128);
    let export = alice.get(200, "/api/me/export").await.json();
    assert_eq!(export["tasks"].as_array().unwrap().len(), 2);
    assert_eq!(export["trash"].as_array().unwrap().len(), 128);
    assert_eq!(export["trash"], alice.get(200, "/api/tasks/trash").await.json());
    alice.delete(204, "/api/me").await;
    assert_eq!(alice.get(200, "/api/me/export").await.json()["trash"], json!([]));
    assert_eq!(bob.get(200, "/api/me/export").await.json()["trash"][0]["title"], "his");
}

#[on_both_databases]
async fn an_export_of_a_hundred_thousand_tasks_takes_bounded_memory(database: TestDatabase) {
    let description =
        "'a description of a hundred characters, more or less, that makes the export a good deal larger than it was'";
    testing::seed(&database.connect().await, 100_000, &[("description", description)]).await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("DATABASE_URL", database.url()), ("BETTER_AUTH_SECRET", SECRET)]);
    let alice = program.bearer(&token("alice"));
    alice.get(404, "/api/tasks/999999").await;
    let before = program.peak_memory_kib();
    let export = alice.get(200, "/api/me/export").await;
    // Linux updates this number in steps: an unchanged peak may read slightly lower than before.
    let grown = program.peak_memory_kib().saturating_sub(before);
    assert_eq!(export.json()["tasks"].as_array().map(Vec::len), Some(100_000));
    assert!(export.text.len() > 20_000_000 && grown < 16 * 1024, "{} bytes with {grown} KiB more", export.text.len());
}
