//! Operation of the server: health, limits, slow clients, headers.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testing::{Backend, ConnectionTrait, TestDatabase, on_both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::program::Program;
use crate::support::{Answer, SECRET, TestApp, token};

#[on_both_databases]
async fn health_needs_no_token(app: TestApp) {
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get(200, "/health/live").await.json()["status"], "ok");
    let ready = anonymous.get(200, "/health/ready").await.json();
    assert_eq!((&ready["status"], &ready["time_zones"]), (&json!("ok"), &json!(service::recurrence::Zone::DATABASE)));
    Answer::expect(200, anonymous.request(Method::HEAD, "/health/ready")).await;
    Answer::expect(405, anonymous.request(Method::POST, "/health/ready")).await;
}

#[on_both_databases]
async fn a_server_without_its_schema_is_live_and_not_ready(app: TestApp) {
    app.database.connect().await.execute_unprepared("DROP TABLE seaql_migrations").await.unwrap();
    let app = app.with_settings(&[("MIGRATE_ON_START", "false")]).await;
    assert_eq!(app.anonymous().get(503, "/health/ready").await.code(), "not_migrated");
    app.anonymous().get(200, "/health/live").await;
}

#[on_both_databases]
async fn every_answer_has_the_security_headers_for_its_kind(app: TestApp) {
    let of_answers = "default-src 'none'; frame-ancestors 'none'";
    let of_pages = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    for (answer, policy) in [
        (app.user("alice").get(200, "/api/tasks").await, of_answers),
        (app.anonymous().get(401, "/api/tasks").await, of_answers),
        (app.anonymous().get(200, "/docs/").await, of_pages),
    ] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("content-security-policy"), policy);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[on_both_databases]
async fn an_address_has_a_limit_too_and_is_read_only_from_a_trusted_proxys_header(app: TestApp) {
    let limit = ("RATE_LIMIT_PER_ADDRESS_PER_SECOND", "1");
    let app = app.with_settings(&[limit, ("TRUST_FORWARDED_FOR", "true")]).await;
    let from =
        |app: &TestApp, list: &str| app.anonymous().request(Method::GET, "/api/tasks").header("x-forwarded-for", list);
    let (_, limited) = Answer::refused_second(401, |number| {
        let address = format!("198.51.100.{number}");
        [from(&app, &format!("203.0.113.9, {address}")), from(&app, &address)]
    })
    .await;
    assert_eq!(limited.header("retry-after"), "1");
    Answer::expect(401, from(&app, "198.51.100.200")).await;
    for _ in 0..5 {
        app.anonymous().get(401, "/api/tasks").await;
    }
    let app = app.with_settings(&[limit]).await;
    for _ in 0..5 {
        Answer::expect(401, from(&app, "198.51.100.200")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopping_is_not_ready_and_still_serves() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("BETTER_AUTH_SECRET", SECRET), ("SHUTDOWN_DELAY_SECONDS", "2")]);
    let alice = program.bearer(&token("alice"));
    alice.get(200, "/health/ready").await;
    program.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(alice.get(503, "/health/ready").await.code(), "stopping");
    alice.create("served all the same").await;
    assert_eq!(program.wait().0, Some(0));
}

/// Sends the first bytes of a request and then nothing. Returns the answer and the time until it was complete.
async fn dawdle(app: &TestApp, bytes: &str) -> (String, Duration) {
    let mut socket = TcpStream::connect(app.host_and_port()).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let (began, mut answer) = (Instant::now(), Vec::new());
    let _ = tokio::time::timeout(Duration::from_secs(30), socket.read_to_end(&mut answer)).await;
    (String::from_utf8_lossy(&answer).into_owned(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_arrives_too_slowly_is_408() {
    let app = TestApp::with(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), &[]).await;
    let body = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        token("alice")
    );
    let ((head, head_took), (body, body_took)) =
        tokio::join!(dawdle(&app, "GET /api/tasks HTTP/1.1\r\nHost:"), dawdle(&app, &body));
    assert!(head.starts_with("HTTP/1.1 408") && head_took < Duration::from_secs(20), "{head_took:?} {head}");
    assert!(
        body.starts_with("HTTP/1.1 408") && body.contains("body_late") && body_took < Duration::from_secs(20),
        "{body_took:?} {body}"
    );
    app.user("alice").get(200, "/api/tasks").await;
}
