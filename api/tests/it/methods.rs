//! HEAD, OPTIONS and unsupported methods.

use reqwest::Method;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn head_works_on_every_path_of_get(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    for path in ["/api/tasks", "/api/alice/tasks/", &path] {
        let head = Answer::expect(200, alice.request(Method::HEAD, path)).await;
        assert_eq!(head.text, "");
        assert_eq!(head.header("content-length"), alice.get(200, path).await.text.len().to_string());
    }
    Answer::expect(404, alice.request(Method::HEAD, "/api/tasks/999")).await;
    Answer::expect(401, app.anonymous().request(Method::HEAD, "/api/tasks")).await;
    for path in ["/openapi.json", "/docs/"] {
        Answer::expect(200, app.anonymous().request(Method::HEAD, path)).await;
    }
}

#[on_both_databases]
async fn options_answers_204_with_allow_and_needs_no_token(app: TestApp) {
    for (path, allow) in [
        ("/api/tasks", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("/api/bob/tasks/", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("/api/tasks/1", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("/api/tasks/1/complete", "PATCH, OPTIONS"),
        ("/api/tasks/summary", "GET, HEAD, OPTIONS"),
        ("/api/tasks/changes", "GET, HEAD, OPTIONS"),
        ("/api/tasks/trash", "GET, DELETE, HEAD, OPTIONS"),
        ("/api/bob/tasks/1/restore/", "POST, OPTIONS"),
        ("/api/tasks/1/history", "GET, HEAD, OPTIONS"),
        ("/api/bob/tasks/1/occurrences/", "GET, HEAD, OPTIONS"),
        ("/api/bob/tasks/1/reminders/1/snooze/", "POST, OPTIONS"),
        ("/api/tasks/events", "GET, HEAD, OPTIONS"),
        ("/api/tasks/complete-all", "POST, OPTIONS"),
        ("/api/bob/recurrence/preview", "POST, OPTIONS"),
        ("/api/tags/", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
    ] {
        let answer = Answer::expect(204, app.anonymous().request(Method::OPTIONS, path)).await;
        assert_eq!((answer.header("allow"), answer.text.as_str()), (allow, ""));
    }
    Answer::expect(404, app.anonymous().request(Method::OPTIONS, "/nowhere")).await;
}

#[on_both_databases]
async fn another_method_is_405_with_allow_before_the_token_is_checked(app: TestApp) {
    for (method, path, allow) in [
        ("PUT", "/api/tasks", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("POST", "/api/tasks/1", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("GET", "/api/tasks/1/complete", "PATCH, OPTIONS"),
        ("DELETE", "/api/tasks/summary", "GET, HEAD, OPTIONS"),
        ("POST", "/api/alice/tasks/changes/", "GET, HEAD, OPTIONS"),
        ("POST", "/api/tasks/trash", "GET, DELETE, HEAD, OPTIONS"),
        ("GET", "/api/tasks/1/restore", "POST, OPTIONS"),
        ("DELETE", "/api/alice/tasks/1/history/", "GET, HEAD, OPTIONS"),
        ("POST", "/api/tasks/1/occurrences", "GET, HEAD, OPTIONS"),
        ("GET", "/api/tasks/1/reminders/1/snooze", "POST, OPTIONS"),
        ("POST", "/api/alice/tasks/events/", "GET, HEAD, OPTIONS"),
        ("GET", "/api/tasks/complete-all", "POST, OPTIONS"),
        ("GET", "/api/recurrence/preview/", "POST, OPTIONS"),
        ("POST", "/api/alice/tasks/1/complete/", "PATCH, OPTIONS"),
        ("TRACE", "/api/tasks", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("BREW", "/api/tasks", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("get", "/api/tasks", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("POST", "/docs/", "GET, HEAD, OPTIONS"),
    ] {
        let request = app.anonymous().request(Method::from_bytes(method.as_bytes()).unwrap(), path);
        let answer = Answer::expect(405, request).await;
        assert_eq!((answer.header("allow"), answer.code().as_str()), (allow, "method_not_allowed"));
    }
}

#[on_both_databases]
async fn an_unknown_route_is_404_with_and_without_a_token(app: TestApp) {
    for path in [
        "/api",
        "/api/",
        "/api/task",
        "/api/tasks/1/2/3",
        "/api/tasks/1/completed",
        "//api/tasks",
        "/api//tasks",
        "/API/tasks",
        "/docs/nothing",
        "/.env",
    ] {
        assert_eq!(app.anonymous().get(404, path).await.code(), "route_not_found", "{path}");
        app.user("alice").get(404, path).await;
    }
}
