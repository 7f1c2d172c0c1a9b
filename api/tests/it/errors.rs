//! Bodies that are too large, or something else than JSON, and the order of judgement.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Body, Method};
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp, raw, token};

const LIMIT: usize = 64 * 1024;

/// A valid body of exactly this many bytes.
fn body_of(bytes: usize) -> String {
    let frame = json!({"title": "t", "filler": ""}).to_string();
    json!({"title": "t", "filler": "x".repeat(bytes - frame.len())}).to_string()
}

#[on_both_databases]
async fn a_body_of_64_kib_is_taken_and_one_byte_more_is_413(app: TestApp) {
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
async fn ten_megabytes_are_413_sized_and_chunked_and_the_server_lives(app: TestApp) {
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
async fn a_body_that_says_it_is_something_else_is_415(app: TestApp) {
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
async fn json_is_taken_under_all_its_names_and_without_one(app: TestApp) {
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
async fn a_gzip_bomb_is_415_and_not_unpacked(app: TestApp) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 50_000_000]).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < LIMIT);
    let request = app.user("alice").request(Method::POST, "/api/tasks").header("content-type", "application/json");
    Answer::expect(415, request.header("content-encoding", "gzip").body(bomb)).await;
}

#[on_both_databases]
async fn what_is_wrong_first_is_told_first(app: TestApp) {
    let (alice, nobody) = (app.user("alice"), app.nobody());
    let broken = |user: &crate::support::User, method: Method, path: &str| {
        user.request(method, path).header("content-type", "application/json").body("{")
    };
    // Route, then token, then the path's user, then syntax, then existence and owner.
    Answer::expect(404, broken(&nobody, Method::POST, "/nowhere")).await;
    Answer::expect(405, broken(&nobody, Method::PUT, "/api/tasks")).await;
    Answer::expect(401, broken(&nobody, Method::PUT, "/api/bob/tasks/abc")).await;
    Answer::expect(403, broken(&alice, Method::PUT, "/api/bob/tasks/abc")).await;
    Answer::expect(422, broken(&alice, Method::PUT, "/api/tasks/abc")).await;
    Answer::expect(422, broken(&alice, Method::PUT, "/api/tasks/999")).await;
    alice.put(404, "/api/tasks/999", json!({"title": "t"})).await;
}

#[on_both_databases]
async fn a_request_id_is_kept_when_it_can_stand_in_a_log_and_made_otherwise(app: TestApp) {
    let nobody = app.nobody();
    let get = |id: &str| nobody.request(Method::GET, "/openapi.json").header("x-request-id", id);
    assert_eq!(Answer::expect(200, get("abc-123.X_y:z")).await.header("x-request-id"), "abc-123.X_y:z");
    for bad in ["", "a b", "a;b", "\u{e9}", &"a".repeat(129)] {
        let made = Answer::expect(200, get(bad)).await.header("x-request-id").to_owned();
        assert!(made != bad && made.len() == 32, "{made}");
    }
}
