//! CORS: requests of pages in a browser.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

const PAGE: &str = "http://localhost:3000";

fn preflight(app: &TestApp, origin: &str, path: &str, method: &str, headers: &str) -> RequestBuilder {
    let request = app.anonymous().request(Method::OPTIONS, path).header("origin", origin);
    request.header("access-control-request-method", method).header("access-control-request-headers", headers)
}

fn words(list: &str) -> Vec<String> {
    let mut words: Vec<_> = list.split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
    words.sort_unstable();
    words
}

#[on_both_databases]
async fn a_preflight_needs_no_token_and_allows_the_documented_methods_and_headers(app: TestApp) {
    let headers = "authorization,content-type,if-match,if-none-match,if-modified-since,if-unmodified-since,idempotency-key,last-event-id,prefer";
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = Answer::expect(200, preflight(&app, PAGE, "/api/tasks/1", method, headers)).await;
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(
            words(answer.header("access-control-allow-methods")),
            words("GET, POST, PUT, DELETE, PATCH, OPTIONS")
        );
        for header in words(headers) {
            assert!(words(answer.header("access-control-allow-headers")).contains(&header), "{header}");
        }
    }
}

#[on_both_databases]
async fn a_page_of_an_allowed_origin_can_read_answers_and_errors(app: TestApp) {
    let alice = app.user("alice");
    let from_page = |request: RequestBuilder| request.header("origin", PAGE);
    let path = alice.create("t").await;
    for (status, request) in [
        (304, alice.request(Method::GET, &path).header("if-none-match", "*")),
        (304, alice.request(Method::GET, "/api/tasks").header("if-none-match", "*")),
        (412, alice.request(Method::DELETE, &path).header("if-match", "\"1\"")),
        (201, alice.request(Method::POST, "/api/tasks").json(&json!({"title": "t"}))),
        (401, app.anonymous().request(Method::GET, "/api/tasks")),
        (403, alice.request(Method::GET, "/api/bob/tasks")),
        (404, alice.request(Method::GET, "/api/tasks/999")),
        (404, alice.request(Method::GET, "/nowhere")),
        (405, alice.request(Method::PUT, "/api/tasks")),
        (413, alice.request(Method::POST, "/api/tasks").body("x".repeat(70_000))),
        (415, alice.request(Method::POST, "/api/tasks").header("content-type", "text/plain").body("t")),
        (422, alice.request(Method::POST, "/api/tasks").body("{")),
    ] {
        let answer = Answer::expect(status, from_page(request)).await;
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(
            words(answer.header("access-control-expose-headers")),
            words(
                "Location, Link, ETag, Idempotency-Replayed, Preference-Applied, Retry-After, WWW-Authenticate, \
                 X-Request-Id, X-Total-Count"
            )
        );
    }
}

#[on_both_databases]
async fn another_origin_gets_no_headers(app: TestApp) {
    for origin in [
        "http://evil.example",
        "http://localhost:3001",
        "https://localhost:3000",
        "null",
        "http://localhost:3000.evil.example",
    ] {
        let read = app.user("alice").request(Method::GET, "/api/tasks").header("origin", origin);
        let answer = Answer::expect(200, read).await;
        let refused = Answer::expect(400, preflight(&app, origin, "/api/tasks", "GET", "authorization")).await;
        assert_eq!(refused.code(), "cors_refused");
        for answer in [answer, refused] {
            assert!(
                answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")),
                "{:?}",
                answer.headers
            );
        }
    }
}

#[on_both_databases]
async fn the_allowed_origins_are_a_setting_and_default_to_better_auths(app: TestApp) {
    let mut app = app;
    for variables in [
        &[
            ("CORS_ALLOWED_ORIGINS", "https://a.example, https://b.example"),
            ("BETTER_AUTH_TRUSTED_ORIGINS", "https://c.example"),
        ][..],
        &[("BETTER_AUTH_TRUSTED_ORIGINS", "https://a.example,https://*.b.example,exp://app,https://b.example")],
    ] {
        app = app.with_settings(variables).await;
        for origin in ["https://a.example", "https://b.example"] {
            let answer = Answer::expect(200, preflight(&app, origin, "/api/tasks", "GET", "authorization")).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
        }
        Answer::expect(400, preflight(&app, "https://c.example", "/api/tasks", "GET", "authorization")).await;
        Answer::expect(400, preflight(&app, PAGE, "/api/tasks", "GET", "authorization")).await;
    }
}

#[on_both_databases]
async fn an_options_request_that_is_not_a_preflight_is_answered_with_allow(app: TestApp) {
    let request = app.anonymous().request(Method::OPTIONS, "/api/tasks").header("access-control-request-method", "GET");
    assert!(Answer::expect(204, request).await.has("allow"));
    let unknown = preflight(&app, PAGE, "/api/tasks", "GET", "x-unheard-of");
    assert_eq!(Answer::expect(400, unknown).await.code(), "cors_refused");
}

#[on_both_databases]
async fn a_page_of_an_allowed_origin_can_read_429_and_503(app: TestApp) {
    let app = app.with_settings(&[("RATE_LIMIT_PER_SECOND", "1"), ("BETTER_AUTH_URL", "http://127.0.0.1:1")]).await;
    let (_, limited) = Answer::refused_second(200, |number| {
        let alice = app.user(&format!("alice-{number}"));
        [(); 2].map(|()| alice.request(Method::GET, "/api/tasks").header("origin", PAGE))
    })
    .await;
    let unjudged = app.bearer("eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ.e30.AA").request(Method::GET, "/api/tasks");
    let unjudged = Answer::expect(503, unjudged.header("origin", PAGE)).await;
    for answer in [limited, unjudged] {
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
}
