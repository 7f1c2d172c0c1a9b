//! `GET /api/tasks/events`

use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use testing::{Backend, ConnectionTrait, TestDatabase, on_both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};

use crate::support::events::Events;
use crate::support::program::Program;
use crate::support::{Answer, SECRET, TestApp, User, token};

/// Starts another server on the database of this one.
async fn another_server(app: &TestApp) -> TestApp {
    TestApp::reaching(app.database.url(), TestDatabase::empty(Backend::Sqlite).await.unwrap(), &[]).await
}

fn token_for(seconds: u64) -> String {
    let claims = json!({ "sub": "alice", "exp": get_current_timestamp() + seconds });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn list(user: &User) -> Vec<Value> {
    user.get(200, "/api/tasks").await.json().as_array().unwrap().clone()
}

#[on_both_databases]
async fn every_tab_gets_each_change_once_in_the_order_of_the_numbers_and_as_the_feed_has_it(app: TestApp) {
    let alice = app.user("alice");
    let one = alice.create("one").await;
    let (mut first, state) = alice.listen("").await;
    let (mut second, _) = app.user("alice").listen("").await;
    let two = alice.create("two").await;
    alice.toggle(200, &one).await;
    alice.patch(200, &two, json!({"title": "line\nbreaks\r\n\u{2028}"})).await;
    alice.delete(204, &one).await;
    let mut numbers = vec![state];
    for tab in [&mut first, &mut second] {
        let mut changes = Vec::new();
        while changes.last().is_none_or(|change: &Value| change["type"] != "deleted") {
            changes.push(tab.change().await);
        }
        let tasks: Vec<_> = changes.iter().filter(|change| change["task"]["id"] == list_id(&two)).collect();
        assert_eq!(tasks.last().unwrap()["task"], alice.get(200, &two).await.json());
        numbers = vec![state];
        for change in &changes {
            let version = if change["type"] == "deleted" { &change["version"] } else { &change["task"]["version"] };
            numbers.push(version.as_i64().unwrap());
        }
        assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
    }
    let feed = alice.get(200, &format!("/api/tasks/changes?since={state}")).await.json();
    assert_eq!(feed["state"].as_i64(), numbers.last().copied());
}

fn list_id(path: &str) -> i64 {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

#[on_both_databases]
async fn a_stream_goes_on_after_the_last_event_id_or_since_however_many_changes_follow(app: TestApp) {
    let alice = app.user("alice");
    alice.create("first").await;
    let (_, begin) = alice.listen("").await;
    for number in 0..120 {
        alice.create(&format!("t{number}")).await;
    }
    let newest = list(&alice).await;
    // The header takes precedence: a client sends it again and again to the same address.
    let request = alice.request(Method::GET, "/api/tasks/events?since=1").header("last-event-id", begin);
    let (mut by_header, state) = Events::open(request).await;
    assert_eq!(state, begin);
    let (mut by_query, _) = alice.listen(&format!("?since={begin}")).await;
    for number in 0..120 {
        let expected = json!({"type": "changed", "task": newest[119 - number]});
        assert_eq!(by_header.change().await, expected);
        assert_eq!(by_query.change().await, expected);
    }
    // From the id of an event in the middle, and then what is new.
    let middle = &newest[60]["version"];
    let (mut rest, _) = alice.listen(&format!("?since={middle}")).await;
    for number in 0..60 {
        assert_eq!(rest.change().await["task"], newest[59 - number]);
    }
    alice.create("new").await;
    for tab in [&mut by_header, &mut by_query, &mut rest] {
        assert_eq!(tab.change().await["task"]["title"], "new");
    }
}

#[on_both_databases]
async fn a_change_by_another_server_and_by_hand_arrives(app: TestApp) {
    let other = another_server(&app).await;
    let alice = app.user("alice");
    alice.create("first").await;
    let (mut events, _) = alice.listen("").await;
    other.user("alice").create("elsewhere").await;
    assert_eq!(events.change().await["task"]["title"], "elsewhere");
    // As `docs/operations.md` has it, if changes were made that the log does not have.
    let connection = app.database.connect().await;
    connection.execute_unprepared("UPDATE task_owner SET clock = clock + 1, \"begin\" = clock + 1").await.unwrap();
    assert_eq!(events.last().await.name, "resync");
}

#[on_both_databases]
async fn bulk_edits_arrive_whole_and_an_erasure_is_a_resync(app: TestApp) {
    let alice = app.user("alice");
    for number in 0..120 {
        alice.create(&format!("t{number}")).await;
    }
    let (mut events, mut last) = alice.listen("").await;
    alice.post(200, "/api/tasks/complete-all", json!({})).await;
    for _ in 0..120 {
        let task = events.change().await["task"].clone();
        assert_eq!(task["completed"], true);
        assert!(task["version"].as_i64().unwrap() > last);
        last = task["version"].as_i64().unwrap();
    }
    alice.delete(200, "/api/tasks?status=completed").await;
    for _ in 0..120 {
        assert_eq!(events.change().await["type"], "deleted");
    }
    alice.delete(204, "/api/me").await;
    assert_eq!(events.last().await.name, "resync");
}

#[on_both_databases]
async fn a_position_whose_changes_are_not_known_is_200_and_resync(app: TestApp) {
    let alice = app.user("alice");
    // 0 is the state of a user without changes. The first one makes it an unknown state, as in the feed.
    let (mut events, state) = alice.listen("").await;
    assert_eq!(state, 0);
    alice.create("t").await;
    let end = events.last().await;
    assert_eq!((end.name.as_str(), end.id), ("resync", None));
    for unknown in [0, 1, i64::MAX] {
        let (mut events, state) = alice.listen(&format!("?since={unknown}")).await;
        assert_eq!((state, events.last().await.name.as_str()), (unknown, "resync"));
    }
}

#[on_both_databases]
async fn no_user_gets_events_of_another(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    bob.create("first").await;
    let (mut events, _) = bob.listen("").await;
    let (mut named, _) = Events::open(bob.request(Method::GET, "/api/bob/tasks/events/")).await;
    for _ in 0..5 {
        alice.create("hers").await;
    }
    bob.create("his").await;
    assert_eq!(events.change().await["task"]["title"], "his");
    assert_eq!(named.change().await["task"]["title"], "his");
    Answer::expect(403, bob.request(Method::GET, "/api/alice/tasks/events")).await;
}

#[on_both_databases]
async fn the_stream_ends_when_its_token_expires(app: TestApp) {
    let app = app.with_settings(&[("BETTER_AUTH_LEEWAY_SECONDS", "0")]).await;
    // The token is in the cache by then.
    let alice = app.bearer(&token_for(5));
    alice.create("t").await;
    let (mut events, _) = alice.listen("").await;
    let end = events.last().await;
    assert_eq!((end.name.as_str(), end.data), ("end", json!({"reason": "token_expired"})));
    alice.get(401, "/api/tasks/events").await;
}

#[on_both_databases]
async fn a_user_has_ten_streams_and_a_place_is_free_as_soon_as_a_client_has_gone(app: TestApp) {
    let alice = app.user("alice");
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(alice.listen("").await);
    }
    let refused = alice.get(429, "/api/tasks/events").await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("too_many_streams", "15"));
    app.user("bob").listen("").await;
    open.pop();
    // Well before the next line that keeps the connection alive.
    let deadline = Instant::now() + Duration::from_mins(1);
    while Answer::to(alice.request(Method::HEAD, "/api/tasks")).await.status == 200 {
        let response = alice.request(Method::GET, "/api/tasks/events").send().await.unwrap();
        if response.status() == 200 {
            return;
        }
        assert!(Instant::now() < deadline, "the place is still taken");
        sleep(Duration::from_millis(20)).await;
    }
}

#[on_both_databases]
async fn a_server_has_max_listeners_streams(app: TestApp) {
    let app = app.with_settings(&[("MAX_LISTENERS", "2")]).await;
    let _one = app.user("alice").listen("").await;
    let _two = app.user("bob").listen("").await;
    let refused = app.user("carol").get(503, "/api/tasks/events").await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("streams_full", "15"));
    app.user("carol").create("t").await;
}

#[on_both_databases]
async fn the_head_states_the_type_and_forbids_buffers_and_head_opens_no_stream(app: TestApp) {
    let alice = app.user("alice");
    for _ in 0..11 {
        let head = Answer::expect(200, alice.request(Method::HEAD, "/api/tasks/events")).await;
        assert_eq!((head.header("content-type"), head.text.as_str()), ("text/event-stream", ""));
    }
    let page = "http://localhost:3000";
    let app = app.with_settings(&[("CORS_ALLOWED_ORIGINS", page)]).await;
    let alice = app.user("alice");
    let request = alice.request(Method::GET, "/api/tasks/events").header("origin", page);
    let (events, _) = Events::open(request).await;
    let headers = events.response().headers();
    for (name, value) in [
        ("x-accel-buffering", "no"),
        ("cache-control", "no-store"),
        ("access-control-allow-origin", page),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers.contains_key("x-request-id"));
    assert!(events.retry.iter().all(|retry| (1000..=5000).contains(retry)) && events.retry.len() == 1);
    for invalid in ["x", "-1", "1.5", "9223372036854775808"] {
        let request = alice.request(Method::GET, "/api/tasks/events").header("last-event-id", invalid);
        let answer = Answer::expect(422, request).await;
        assert_eq!(
            (answer.code().as_str(), &answer.mistakes()[0].0[..]),
            ("invalid_header", "Last-Event-ID"),
            "{invalid}"
        );
        let answer = alice.get(422, &format!("/api/tasks/events?since={invalid}")).await;
        assert_eq!((answer.code().as_str(), &answer.mistakes()[0].0[..]), ("invalid_parameter", "since"), "{invalid}");
    }
    alice.get(422, "/api/tasks/events?since=").await;
    let signed = alice.request(Method::GET, "/api/tasks/events").header("last-event-id", "+5");
    Answer::expect(422, signed).await;
    // As after an event with an empty id.
    let empty = alice.request(Method::GET, "/api/tasks/events").header("last-event-id", "");
    assert_eq!(Events::open(empty).await.0.response().status(), 200);
    app.anonymous().get(401, "/api/tasks/events").await;
}

/// Returns the content of an answer in chunked coding (RFC 9112, section 7.1), up to where it ends.
fn content(answer: &[u8]) -> String {
    let begin = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut content) = (&answer[begin..], Vec::new());
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        content.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
    String::from_utf8(content).unwrap()
}

#[on_both_databases]
async fn a_reader_that_is_too_slow_is_ended_and_misses_nothing_when_it_goes_on(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("first").await;
    let (mut quick, state) = alice.listen("").await;
    // It gets more parts than the socket of the slow one and its 16 places hold.
    let quick = tokio::spawn(async move {
        for _ in 0..300 {
            quick.change().await;
        }
    });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(app.host_and_port().parse().unwrap()).await.unwrap();
    let head = format!("GET /api/tasks/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token("alice"));
    slow.write_all(head.as_bytes()).await.unwrap();
    // It reads its first event, so that it listens before the first write.
    let mut received = vec![0; 100];
    slow.read_exact(&mut received).await.unwrap();
    let long = "ä".repeat(1000);
    // If the server is slow, several writes are one part.
    for number in 0.. {
        if quick.is_finished() {
            break;
        }
        alice.patch(200, &path, json!({"title": number.to_string(), "description": long})).await;
    }
    quick.await.expect("a reader beside it gets every change");
    slow.read_to_end(&mut received).await.unwrap();
    let text = content(&received);
    let (events, end) = text.trim_end().rsplit_once("\n\n").unwrap();
    assert_eq!(end, "event: end\ndata: {\"reason\":\"slow\"}");
    let ids: Vec<i64> = events.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert!(ids[0] == state && ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    let (mut rest, _) = alice.listen(&format!("?since={}", ids.last().unwrap())).await;
    assert_eq!(rest.change().await["task"], alice.get(200, &path).await.json());
}

#[on_both_databases]
async fn a_stop_ends_every_stream_with_restart_before_the_server_ends(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        // Longer than the test waits: a server that waited for its streams would not end.
        ("SHUTDOWN_TIMEOUT_SECONDS", "600"),
    ];
    let program = Program::start(folder.path(), variables);
    let alice = program.bearer(&token("alice"));
    alice.create("t").await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(alice.listen("").await.0);
    }
    program.signal("TERM");
    for mut events in open {
        let end = events.last().await;
        assert_eq!((end.name.as_str(), end.data), ("end", json!({"reason": "restart"})));
    }
    let (code, log) = program.wait();
    assert_eq!(code, Some(0));
    assert_eq!(log.matches("GET /api/tasks/events 200").count(), 5, "a stream is one line, when it begins:\n{log}");
}
