//! Large requests: what a user over the limits gets, and what all others notice.

use reqwest::Method;
use serde_json::json;
use testing::{Backend, ConnectionTrait, TestDatabase, TransactionTrait, on_both_databases, seed};
use tokio::task::JoinSet;

use crate::support::{Answer, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_requests_over_the_limit_get_429_busy_and_the_others_are_answered() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else { return };
    // One for the probe, and half of the others for large requests.
    let app = TestApp::with(database, &[("DATABASE_MAX_CONNECTIONS", "8")]).await;
    let alice = app.user("alice");
    alice.get(200, "/api/tasks/summary").await;
    let other = app.database.connect().await;
    let lock = other.begin().await.unwrap();
    lock.execute_unprepared("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut requests = JoinSet::new();
    for _ in 0..30 {
        requests.spawn(Answer::to(alice.request(Method::GET, "/api/tasks/summary")));
    }
    // Two run and sixteen wait. The rest is refused while they do.
    for _ in 0..12 {
        let refused = requests.join_next().await.unwrap().unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (429, "busy"));
        assert_eq!(refused.header("retry-after"), "1");
    }
    lock.rollback().await.unwrap();
    assert!(requests.join_all().await.iter().all(|answer| answer.status == 200));
}

#[on_both_databases]
async fn a_very_long_list_without_an_index_needs_a_limit_and_any_other_list_arrives_whole(app: TestApp) {
    let alice = app.user("alice");
    let columns = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
    seed(&app.database.connect().await, 50_001, &columns).await;
    let refused = alice.get(422, "/api/tasks?sort=priority,title").await;
    assert_eq!(refused.code(), "limit_required");
    assert!(refused.detail().starts_with("limit "), "{}", refused.detail());
    alice.get(200, "/api/tasks?sort=priority,title&limit=1000").await;
    assert_eq!(alice.get(200, "/api/tasks?status=pending").await.json().as_array().unwrap().len(), 50_001);
}

#[on_both_databases]
async fn bulk_edits_of_very_many_tasks_report_what_they_did(app: TestApp) {
    let alice = app.user("alice");
    let columns = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
    seed(&app.database.connect().await, 12_001, &columns).await;
    // On a slow machine one request can take more than its ten seconds, and the next one goes on.
    let done = async |method: Method, path: &str| {
        let mut done = 0;
        loop {
            let answer = Answer::expect(200, alice.request(method.clone(), path)).await.json();
            match answer["count"].as_u64().unwrap() {
                0 => return done,
                count => done += count,
            }
        }
    };
    assert_eq!(done(Method::POST, "/api/tasks/complete-all").await, 12_001);
    assert_eq!(alice.get(200, "/api/tasks/summary").await.json()["completed"], json!(12_001));
    assert_eq!(done(Method::DELETE, "/api/tasks?status=completed").await, 12_001);
    assert_eq!(alice.get(200, "/api/tasks").await.json(), json!([]));
}

#[on_both_databases]
async fn head_of_a_long_list_and_of_an_export_is_answered_without_reading_them(app: TestApp) {
    let alice = app.user("alice");
    let columns = [("user_id", "'alice'"), ("title", "'t'"), ("title_folded", "'t'")];
    seed(&app.database.connect().await, 2000, &columns).await;
    for path in ["/api/tasks", "/api/me/export"] {
        let answer = Answer::expect(200, alice.request(Method::HEAD, path)).await;
        assert_eq!((answer.header("content-type"), answer.text.as_str()), ("application/json", ""), "{path}");
    }
}

#[on_both_databases]
async fn a_summary_counts_in_the_memory_for_answers_and_arrives_whole(app: TestApp) {
    let alice = app.user("alice");
    let tags = format!(
        "'[' || {} || ']'",
        (0..20).map(|tag| format!("'\"t{tag} ' || n || '\"'")).collect::<Vec<_>>().join(" || ',' || ")
    );
    let columns = [
        ("user_id", "'alice'"),
        ("title", "'t'"),
        ("title_folded", "'t'"),
        ("tags", tags.as_str()),
        ("tags_folded", "'x'"),
    ];
    seed(&app.database.connect().await, 100, &columns).await;
    assert_eq!(alice.get(200, "/api/tags").await.json().as_array().unwrap().len(), 2000);
    assert_eq!(alice.get(200, "/api/tasks/summary").await.json()["by_tag"].as_array().unwrap().len(), 2000);
}
