//! Checks of a request before it reaches an operation: size and type of the body, and the order of the checks.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Body, Method};
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp, raw, token};

const LIMIT: usize = 64 * 1024;

/// Returns a valid body of exactly this many bytes.
fn body_of(bytes: usize) -> String {
    let frame = json!({"title": "t", "filler": ""}).to_string();
    json!({"title": "t", "filler": "x".repeat(bytes - frame.len())}).to_string()
}

#[on_both_databases]
async fn a_body_of_64_kib_is_accepted_and_one_byte_more_is_413(app: TestApp) {
    let alice = app.user("alice");
    let post =
        |body: Body| alice.request(Method::POST, "/api/tasks").header("content-type", "application/json").body(body);
    let chunked = |text: String| Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(text)]));
    Answer::expect(201, post(body_of(LIMIT).into())).await;
    Answer::expect(201, post(chunked(body_of(LIMIT)))).await;
    assert_eq!(Answer::expect(413, post(body_of(LIMIT + 1).into())).await.code(), "body_too_large");
    assert_eq!(Answer::expect(413, post(chunked(body_of(LIMIT + 1)))).await.code(), "body_too_large");
    Answer::expect(413, alice.request(Method::PATCH, "/api/tasks/1/complete").body(body_of(LIMIT + 1))).await;
}

#[on_both_databases]
async fn ten_megabytes_are_413_with_a_length_and_in_chunks_and_the_server_goes_on(app: TestApp) {
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        token("alice")
    );
    let filler = "x".repeat(10_000_000);
    let sized = format!("{head}Content-Length: {}\r\n\r\n{filler}", filler.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{filler}\r\n0\r\n\r\n", filler.len());
    for request in [sized, chunked] {
        let answer = raw::exchange(app.host_and_port(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains(r#""code":"body_too_large""#), "{answer}");
    }
    app.user("alice").get(200, "/api/tasks").await;
}

#[on_both_databases]
async fn a_body_with_another_content_type_is_415(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    for (method, path) in [(Method::POST, "/api/tasks"), (Method::PUT, &path), (Method::PATCH, &path)] {
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonp",
            "json",
            "+json",
            "",
            "application/json; charset=utf-16",
        ] {
            let request = alice.request(method.clone(), path).header("content-type", content_type);
            assert_eq!(
                Answer::expect(415, request.body(r#"{"title":"t"}"#)).await.code(),
                "unsupported_media_type",
                "{content_type}"
            );
        }
    }
}

#[on_both_databases]
async fn json_is_accepted_under_all_its_content_types_and_without_one(app: TestApp) {
    let alice = app.user("alice");
    for content_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/merge-patch+json",
        "application/vnd.api+json",
    ] {
        let request = alice.request(Method::POST, "/api/tasks").header("content-type", content_type);
        Answer::expect(201, request.body(r#"{"title":"t"}"#)).await;
    }
    Answer::expect(201, alice.request(Method::POST, "/api/tasks").body(r#"{"title":"t"}"#)).await;
}

#[on_both_databases]
async fn a_compressed_body_is_415_and_is_not_unpacked(app: TestApp) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 50_000_000]).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < LIMIT);
    let request = app.user("alice").request(Method::POST, "/api/tasks").header("content-type", "application/json");
    Answer::expect(415, request.header("content-encoding", "gzip").body(bomb)).await;
}

#[on_both_databases]
async fn errors_are_reported_in_the_documented_order(app: TestApp) {
    let (alice, anonymous) = (app.user("alice"), app.anonymous());
    let broken = |user: &crate::support::User, method: Method, path: &str| {
        user.request(method, path).header("content-type", "application/json").body("{")
    };
    // The order: route, token, the path's user, syntax, existence and owner.
    Answer::expect(404, broken(&anonymous, Method::POST, "/nowhere")).await;
    Answer::expect(404, broken(&anonymous, Method::PUT, "/api/tasks/abc")).await;
    Answer::expect(404, broken(&anonymous, Method::PUT, "/api/bob/tasks/abc")).await;
    Answer::expect(405, broken(&anonymous, Method::PUT, "/api/tasks")).await;
    Answer::expect(401, broken(&anonymous, Method::PUT, "/api/bob/tasks/1.5")).await;
    Answer::expect(403, broken(&alice, Method::PUT, "/api/bob/tasks/1.5")).await;
    Answer::expect(422, broken(&alice, Method::PUT, "/api/tasks/1.5")).await;
    Answer::expect(422, broken(&alice, Method::PUT, "/api/tasks/999")).await;
    alice.put(404, "/api/tasks/999", json!({"title": "t"})).await;
}

#[on_both_databases]
async fn a_request_id_that_is_safe_to_log_is_kept_and_another_is_replaced(app: TestApp) {
    let anonymous = app.anonymous();
    let get = |id: &str| anonymous.request(Method::GET, "/openapi.json").header("x-request-id", id);
    assert_eq!(Answer::expect(200, get("abc-123.X_y:z")).await.header("x-request-id"), "abc-123.X_y:z");
    for bad in ["", "a b", "a;b", "\u{e9}", &"a".repeat(129)] {
        let made = Answer::expect(200, get(bad)).await.header("x-request-id").to_owned();
        assert!(made != bad && made.len() == 32, "{made}");
    }
}
