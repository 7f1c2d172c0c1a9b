//! `If-Match` on writes.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testing::on_both_databases;
use tokio::task::JoinSet;

use crate::support::{Answer, TestApp, User};

const SENTENCE: &str = "It was changed since the version in If-Match \
    (build the tag from `version`: a tag that begins with W/ never matches)";

fn tag(task: &Value) -> String {
    format!("\"{}\"", task["version"])
}

/// Every way to write one task.
fn writes(user: &User, path: &str) -> Vec<RequestBuilder> {
    let complete = format!("{path}/complete");
    vec![
        user.request(Method::PUT, path).json(&json!({"title": "lost"})),
        user.request(Method::PUT, path).json(&json!({})),
        user.request(Method::PATCH, path).json(&json!({"description": "lost"})),
        user.request(Method::PATCH, &complete),
        user.request(Method::PATCH, &complete).json(&json!({"completed": true})),
        user.request(Method::PATCH, &format!("{complete}?completed=true")),
        user.request(Method::DELETE, path),
        user.request(Method::DELETE, path).header("prefer", "return=representation"),
    ]
}

async fn state(user: &User) -> (Value, String) {
    let answer = user.get(200, "/api/tasks").await;
    (answer.json(), answer.header("etag").to_owned())
}

#[on_both_databases]
async fn a_stale_if_match_is_412_with_the_current_task_and_writes_nothing(app: TestApp) {
    let alice = app.user("alice");
    let created = alice.post(201, "/api/tasks", json!({"title": "t"})).await;
    let path = created.header("location");
    let current = alice.put(200, path, json!({"title": "newer", "tags": ["a"]})).await.json();
    let before = state(&alice).await;
    let aliased = path.replace("/api/", "/api/alice/");
    for request in writes(&alice, path).into_iter().chain(writes(&alice, &aliased)) {
        let answer = Answer::expect(412, request.header("if-match", tag(&created.json()))).await;
        let expected =
            json!({"detail": SENTENCE, "message": SENTENCE, "code": "precondition_failed", "current": current});
        assert_eq!(answer.json(), expected);
        assert_eq!(answer.header("etag"), tag(&current));
        assert_eq!(state(&alice).await, before, "nothing was written");
    }
    // The client goes on with the tag of the answer.
    let merged = alice.request(Method::PUT, path).json(&json!({"title": "merged"})).header("if-match", tag(&current));
    assert_eq!(Answer::expect(200, merged).await.json()["title"], "merged");
}

#[on_both_databases]
async fn the_current_task_of_a_412_has_the_other_names_of_the_setting(app: TestApp) {
    let app = app.with_settings(&[("TASK_ALIASES", "status,done")]).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let current = alice.get(200, &path).await.json();
    assert_eq!(current["done"], false);
    let request = alice.request(Method::DELETE, &path).header("if-match", "\"1\"");
    assert_eq!(Answer::expect(412, request).await.json()["current"], current);
}

#[on_both_databases]
async fn a_current_if_match_is_written(app: TestApp) {
    let alice = app.user("alice");
    for number in 0..writes(&alice, "").len() {
        let created = alice.post(201, "/api/tasks", json!({"title": "t"})).await;
        let request = writes(&alice, created.header("location")).swap_remove(number);
        let answer = Answer::to(request.header("if-match", tag(&created.json()))).await;
        assert!([200, 204].contains(&answer.status), "{number}: {}", answer.text);
    }
}

#[on_both_databases]
async fn only_a_strong_tag_of_the_current_version_and_a_star_match(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    for (status, make) in [
        (200, (|tag| tag) as fn(String) -> String),
        (200, |_| "*".to_owned()),
        (200, |tag| format!("\"1\", {tag}, \"2\"")),
        (200, |tag| format!("\"1\",\"x\",W/\"3\",{tag}")),
        (200, |tag| format!("{}{tag}", "\"1\", ".repeat(15))),
        (412, |tag| format!("W/{tag}")),
        (412, |tag| format!("W/{tag}, \"1\"")),
        (412, |tag| format!("\"0{}", tag.trim_start_matches('"'))),
        (412, |tag| format!("{}-gzip\"", tag.trim_end_matches('"'))),
        (412, |_| "\"1\"".to_owned()),
        (412, |_| "\"1\", \"2\"".to_owned()),
        (412, |_| "\"\"".to_owned()),
        (412, |_| "\"a,b\"".to_owned()),
        (412, |_| "\"0\"".to_owned()),
        // Numbers that are no time of either database.
        (412, |_| "\"9223372036854775807\"".to_owned()),
        (412, |_| "\"-9223372036854775808\"".to_owned()),
        (412, |_| "\"8210266876799999999\"".to_owned()),
        (412, |_| "\"-300000000000000000\"".to_owned()),
        (412, |_| "\"99999999999999999999\"".to_owned()),
        (422, |tag| format!("{}{tag}", "\"1\", ".repeat(16))),
        (422, |tag| tag.trim_matches('"').to_owned()),
        (422, |_| String::new()),
        (422, |_| "\"1".to_owned()),
        (422, |tag| format!("{tag}, 1")),
        (422, |_| ", ,".to_owned()),
        (422, |tag| format!("'{}'", tag.trim_matches('"'))),
    ] {
        let before = alice.get(200, &path).await;
        let header = make(before.header("etag").to_owned());
        for body in [json!({}), json!({"title": "u"})] {
            let request = alice.request(Method::PUT, &path).json(&body).header("if-match", &header);
            let answer = Answer::to(request).await;
            assert_eq!(answer.status, status, "{header} {body}: {}", answer.text);
            match status {
                412 => assert_eq!(answer.header("etag"), before.header("etag"), "{header}"),
                422 => {
                    assert_eq!(answer.code(), "invalid_header", "{header}");
                    assert_eq!(answer.mistakes(), [("If-Match".to_owned(), "invalid".to_owned())], "{header}");
                }
                _ => {}
            }
            let is_written = status == 200 && body != json!({});
            let after = alice.get(200, &path).await;
            assert_eq!(after.header("etag") != before.header("etag"), is_written, "{header} {body}");
        }
    }
}

#[on_both_databases]
async fn several_lines_of_if_match_are_one_list(app: TestApp) {
    let alice = app.user("alice");
    let created = alice.post(201, "/api/tasks", json!({"title": "t"})).await;
    let request = alice.request(Method::PUT, created.header("location")).json(&json!({"title": "u"}));
    Answer::expect(200, request.header("if-match", "\"1\"").header("if-match", tag(&created.json()))).await;
}

#[on_both_databases]
async fn complete_all_and_delete_completed_judge_the_state_of_the_list(app: TestApp) {
    let alice = app.user("alice");
    let old = alice.get(200, "/api/tasks").await.header("etag").to_owned();
    for (method, path) in [(Method::POST, "/api/tasks/complete-all"), (Method::DELETE, "/api/tasks?status=completed")] {
        // The state of an owner without a write is a state too.
        if method == Method::POST {
            Answer::expect(200, alice.request(method.clone(), path).header("if-match", &old)).await;
            let stale = Answer::expect(412, alice.request(method.clone(), path).header("if-match", "\"1\"")).await;
            assert_eq!(stale.header("etag"), old);
        }
        alice.create("t").await;
        let before = state(&alice).await;
        for stale in [old.clone(), format!("W/{}", before.1), format!("\"1\", \"{}\"", i64::MAX)] {
            let answer = Answer::expect(412, alice.request(method.clone(), path).header("if-match", &stale)).await;
            let expected = json!({"detail": SENTENCE, "message": SENTENCE, "code": "precondition_failed"});
            assert_eq!((answer.json(), answer.header("etag")), (expected, before.1.as_str()), "{stale}");
            assert_eq!(state(&alice).await, before, "nothing was written");
        }
        let invalid = Answer::expect(422, alice.request(method.clone(), path).header("if-match", "t")).await;
        assert_eq!(invalid.code(), "invalid_header");
        let several = format!("\"1\", {}", before.1);
        let done = Answer::expect(200, alice.request(method.clone(), path).header("if-match", several)).await;
        assert_eq!(done.json(), json!({"count": 1}));
        let any = Answer::expect(200, alice.request(method, path).header("if-match", "*")).await;
        assert_eq!(any.json(), json!({"count": 0}));
    }
}

#[on_both_databases]
async fn a_precondition_is_judged_after_all_else(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let path = alice.create("t").await;
    let id = path.trim_start_matches("/api/tasks/");
    let put = |user: &User, path: &str, header: &str, body: &str| {
        user.request(Method::PUT, path).header("if-match", header).body(body.to_owned())
    };
    let (stale, invalid, valid_body, invalid_body) = ("\"1\"", "1", r#"{"title": "u"}"#, r#"{"title": ""}"#);
    for (status, code, request) in [
        (401, "token_missing", put(&app.anonymous(), &path, invalid, invalid_body)),
        (403, "not_your_path", put(&alice, &format!("/api/bob/tasks/{id}"), invalid, invalid_body)),
        (422, "invalid_header", put(&alice, &path, invalid, valid_body)),
        (422, "invalid_header", put(&bob, &path, invalid, valid_body)),
        (422, "invalid_header", put(&alice, "/api/tasks/999999", invalid, valid_body)),
        (422, "invalid_field", put(&alice, &path, stale, invalid_body)),
        (404, "task_not_found", put(&alice, "/api/tasks/999999", stale, valid_body)),
        (404, "task_not_found", put(&alice, "/api/tasks/0", stale, valid_body)),
        (403, "not_owner", put(&bob, &path, stale, valid_body)),
        (412, "precondition_failed", put(&alice, &path, stale, valid_body)),
    ] {
        assert_eq!(Answer::expect(status, request).await.code(), code);
    }
    assert_eq!(alice.titles("/api/tasks").await, ["t"]);
}

#[on_both_databases]
async fn of_concurrent_writes_to_one_version_one_is_done(app: TestApp) {
    let app = app.with_settings(&[("WORKERS", "2"), ("DATABASE_MAX_CONNECTIONS", "5")]).await;
    let alice = app.user("alice");
    let created = alice.post(201, "/api/tasks", json!({"title": "t"})).await;
    let (path, mut version) = (created.header("location"), tag(&created.json()));
    for round in 0..3 {
        let mut running = JoinSet::new();
        for number in 0..20 {
            let title = format!("{round} {number}");
            // Half of them go the way of several tags.
            let header = if number % 2 == 0 { version.clone() } else { format!("\"1\", {version}") };
            let request = alice.request(Method::PATCH, path).json(&json!({"title": title})).header("if-match", header);
            running.spawn(async move { (title, Answer::to(request).await) });
        }
        let (done, refused): (Vec<_>, Vec<_>) =
            running.join_all().await.into_iter().partition(|(_, answer)| answer.status == 200);
        assert_eq!((done.len(), refused.len()), (1, 19));
        let (title, winner) = &done[0];
        assert!(refused.iter().all(|(_, answer)| answer.status == 412 && answer.json()["current"] == winner.json()));
        assert_eq!(alice.get(200, path).await.json()["title"], *title);
        version = tag(&winner.json());
    }
}
