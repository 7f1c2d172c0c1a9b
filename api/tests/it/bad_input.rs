//! Malformed and hostile input: a clear error if possible, and the server goes on.

use reqwest::Method;
use testing::on_both_databases;

use crate::support::{Answer, TestApp, raw, token};

#[on_both_databases]
async fn malformed_json_is_422(app: TestApp) {
    let alice = app.user("alice");
    let deep = format!("{}{}", r#"{"title":"t","x":"#, "[".repeat(60_000));
    let texts = [
        "",
        "{",
        "nul",
        "{\"title\"}",
        "{\"title\":}",
        "{\"title\":\"t\",}",
        "{'title':'t'}",
        "{\"title\":\"t\"} x",
        "{\"title\":\"a\nb\"}",
        "{\"title\":NaN}",
        "{\"title\":\"\\x\"}",
        "{\"title\":\"\\ud800\"}",
        "{\"title\":\"\\udc00x\"}",
        "{\"title\":\"\\ud800\\u0041\"}",
        "\u{feff}{\"title\":\"t\"}",
        &deep,
    ];
    for text in texts {
        let request = alice.request(Method::POST, "/api/tasks").header("content-type", "application/json");
        Answer::expect(422, request.body(text.to_owned())).await;
    }
    assert_eq!(alice.titles("/api/tasks").await, [""; 0]);
}

#[on_both_databases]
async fn deep_nesting_in_an_unknown_field_is_ignored_and_in_a_known_one_is_422(app: TestApp) {
    let alice = app.user("alice");
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let post = |body: String| alice.request(Method::POST, "/api/tasks").body(body);
    Answer::expect(201, post(format!(r#"{{"title":"t","x":{deep}}}"#))).await;
    Answer::expect(422, post(format!(r#"{{"title":{deep}}}"#))).await;
    Answer::expect(422, post(deep)).await;
}

#[on_both_databases]
async fn a_body_that_is_not_an_object_is_422(app: TestApp) {
    let alice = app.user("alice");
    for text in ["[]", "[\"t\"]", "[\"t\",\"d\"]", "\"t\"", "5", "true", "null"] {
        let answer = Answer::expect(422, alice.request(Method::POST, "/api/tasks").body(text)).await;
        assert_eq!(answer.detail(), "The body must be a JSON object", "{text}");
    }
}

#[on_both_databases]
async fn invalid_utf_8_is_422(app: TestApp) {
    let alice = app.user("alice");
    for bytes in [
        &b"{\"title\":\"\xff\"}"[..],
        b"\xff\xfe{\x00}\x00",
        b"{\"title\":\"\xed\xa0\x80\"}",
        b"{\"title\":\"\xc0\x80\"}",
        b"{\"title\":\"t\",\"x\":\"\xff\"}",
    ] {
        Answer::expect(422, alice.request(Method::POST, "/api/tasks").body(bytes.to_vec())).await;
    }
}

#[on_both_databases]
async fn a_field_twice_is_422(app: TestApp) {
    let twice = app.user("alice").request(Method::POST, "/api/tasks").body(r#"{"title":"a","title":"b"}"#);
    assert!(Answer::expect(422, twice).await.detail().contains("title"));
}

#[on_both_databases]
async fn an_error_does_not_repeat_the_input(app: TestApp) {
    let alice = app.user("alice");
    let request = alice
        .request(Method::POST, "/api/tasks")
        .body(format!(r#"{{"title":"t","description":{{"{}":1}}}}"#, "k".repeat(5000)));
    Answer::expect(422, request).await;
    let path = alice.create("t").await;
    let answer = Answer::expect(
        422,
        alice.request(Method::PUT, &path).body(format!(r#"{{"completed":"{}"}}"#, "v".repeat(5000))),
    )
    .await;
    assert_eq!(answer.detail(), "completed must be a boolean");
}

#[on_both_databases]
async fn invalid_http_does_not_harm_other_requests(app: TestApp) {
    let bearer = format!("Authorization: Bearer {}\r\n", token("alice"));
    let garbage: Vec<Vec<u8>> = vec![
        b"\x00\x01\x02\x03\xff\xfe".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /api/tasks HTTP/9.9\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("GET /api/tasks HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: -1\r\n\r\n").into_bytes(),
        format!("POST /api/tasks HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}").into_bytes(),
        format!("POST /api/tasks HTTP/1.1\r\nHost: x\r\n{bearer}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz\r\n").into_bytes(),
        format!("POST /api/tasks HTTP/1.1\r\nHost: x\r\n{bearer}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n").into_bytes(),
        format!("POST /api/tasks HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: 100\r\n\r\n{{\"title\"").into_bytes(),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000)).into_bytes(),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(50_000)).into_bytes(),
    ];
    for bytes in garbage {
        let answer = raw::exchange(app.host_and_port(), &bytes).await;
        assert!(!answer.starts_with("HTTP/1.1 5") && !answer.starts_with("HTTP/1.1 2"), "{answer}");
        app.user("alice").get(200, "/api/tasks").await;
    }
}
