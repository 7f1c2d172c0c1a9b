//! What `/mcp` refuses, and in which form.

use reqwest::Method;
use serde_json::{Value, json};
use testing::{Backend, TestDatabase, on_both_databases};

use crate::support::agent::{Agent, Reply, Revision};
use crate::support::{Answer, TestApp};

async fn app(variables: &[(&str, &str)]) -> TestApp {
    TestApp::with(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), variables).await
}

const PING: &str = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;

#[on_both_databases]
async fn a_request_that_the_protocol_does_not_allow_is_refused_in_its_form(app: TestApp) {
    let (newest, older) =
        (Agent::new(app.user("alice"), Revision::Newest), Agent::new(app.user("alice"), Revision::Initialized));
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("\"text\u{0}", -32700),
        ("[]", -32600),
        ("5", -32600),
        (r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#, -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":7,"method":5}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, -32600),
    ] {
        for agent in [&newest, &older] {
            Reply::refused(agent.raw(body), 400, code).await;
        }
    }
    let of = |accept: &'static str, kind: &'static str| {
        let request = older.user.request(Method::POST, "/mcp").body(PING);
        request.header("accept", accept).header("content-type", kind)
    };
    Reply::refused(of("application/json", "application/json"), 406, -32600).await;
    Reply::refused(of("application/json, text/event-stream", "text/plain"), 415, -32600).await;

    let call = json!({ "name": "get_task", "arguments": { "task_id": 1 } });
    let mismatch = Agent::new(app.user("alice"), Revision::Initialized);
    let body = |meta: Value| {
        let mut params = call.clone();
        params["_meta"] = meta;
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }).to_string()
    };
    let meta = |version: &str| {
        json!({
            "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        })
    };
    let with_name =
        newest.raw(body(meta("2026-07-28"))).header("mcp-method", "tools/call").header("mcp-name", "delete_task");
    Reply::refused(with_name, 400, -32020).await;
    let unknown = mismatch.user.request(Method::POST, "/mcp").body(body(meta("2030-01-01")));
    let unknown =
        unknown.header("accept", "application/json, text/event-stream").header("content-type", "application/json");
    let unknown = unknown.header("mcp-protocol-version", "2030-01-01").header("mcp-method", "tools/call");
    Reply::refused(unknown.header("mcp-name", "get_task"), 400, -32022).await;
    Reply::refused(newest.request("other/method", json!({})), 404, -32601).await;
    Reply::refused(older.request("other/method", json!({})), 200, -32601).await;
    for agent in [&newest, &older] {
        Reply::refused(agent.request("tools/call", json!({ "name": "drop_tasks", "arguments": {} })), 200, -32602)
            .await;
    }
    let notification = older.raw(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!(Reply::to(notification).await.status, 202);
}

#[on_both_databases]
async fn before_the_protocol_begins_a_refusal_has_the_shape_of_the_api(app: TestApp) {
    let alice = Agent::new(app.user("alice"), Revision::Newest);
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        for path in ["/mcp", "/mcp/"] {
            let reply =
                Reply::refused_before(app.anonymous().request(method.clone(), path), 405, "method_not_allowed").await;
            assert_eq!(reply.header("allow"), "POST");
        }
    }
    for path in ["/mcp", "/mcp/"] {
        let reply = Reply::refused_before(app.anonymous().request(Method::POST, path), 401, "token_missing").await;
        let (port, description) = (app.host_and_port(), "/.well-known/oauth-protected-resource/mcp");
        let challenge = format!(
            r#"Bearer realm="tasks", scope="tasks:read tasks:write", resource_metadata="http://{port}{description}""#
        );
        assert_eq!(reply.header("www-authenticate"), challenge);
    }
    let reply = Reply::refused_before(app.bearer("x").request(Method::POST, "/mcp"), 401, "token_invalid").await;
    assert!(reply.header("www-authenticate").starts_with(r#"Bearer realm="tasks", error="invalid_token", scope="#));
    for size in [64 * 1024 + 1, 1024 * 1024] {
        Reply::refused_before(alice.raw("x".repeat(size)), 413, "body_too_large").await;
    }
    let longest = format!("{}{PING}", " ".repeat(64 * 1024 - PING.len()));
    assert_eq!(Reply::to(Agent::new(alice.user.clone(), Revision::Initialized).raw(longest)).await.status, 200);
    let with_slash = alice.user.request(Method::POST, "/mcp/").body(PING).header("content-type", "application/json");
    // A key means nothing here.
    let with_slash = with_slash.header("idempotency-key", "a-key");
    let reply = Reply::to(with_slash.header("accept", "application/json, text/event-stream")).await;
    assert_eq!((reply.status, &reply.json["result"]), (200, &json!({})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_of_allowed_origins_and_the_host_of_the_resource_are_let_in() {
    let app =
        app(&[("MCP_RESOURCE", "https://tasks.example/mcp"), ("CORS_ALLOWED_ORIGINS", "https://app.example")]).await;
    let alice = Agent::new(app.user("alice"), Revision::Initialized);
    let from = |host: &str| alice.raw(PING).header("host", host);
    for host in ["tasks.example", "tasks.example:8443", "TASKS.example"] {
        assert_eq!(Reply::to(from(host)).await.status, 200, "{host}");
        assert_eq!(Reply::to(from(host).header("origin", "https://app.example")).await.status, 200);
        for origin in ["https://evil.example", "null", "https://tasks.example", "http://app.example"] {
            Reply::refused_before(from(host).header("origin", origin), 403, "origin_refused").await;
        }
    }
    for host in [
        "evil.example",
        "127.0.0.1",
        "localhost",
        "tasks.example.evil.example",
        "evil.example/tasks.example",
        "a@tasks.example",
    ] {
        Reply::refused_before(from(host), 403, "host_refused").await;
    }
    let reply = Reply::refused_before(
        app.anonymous().request(Method::POST, "/mcp").header("host", "tasks.example"),
        401,
        "token_missing",
    );
    let challenge = reply.await.header("www-authenticate").to_owned();
    assert!(
        challenge.ends_with(r#"resource_metadata="https://tasks.example/.well-known/oauth-protected-resource/mcp""#),
        "{challenge}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_may_send_the_headers_of_the_protocol_and_every_page_may_read_the_description() {
    let app =
        app(&[("CORS_ALLOWED_ORIGINS", "https://app.example"), ("BETTER_AUTH_URL", "https://auth.example")]).await;
    let preflight = |path: &str, method: &str, origin: &str| {
        let request = app.anonymous().request(Method::OPTIONS, path).header("origin", origin);
        let headers = "authorization, content-type, mcp-method, mcp-name, mcp-protocol-version";
        request.header("access-control-request-method", method).header("access-control-request-headers", headers)
    };
    Answer::expect(200, preflight("/mcp", "POST", "https://app.example")).await;
    Answer::expect(400, preflight("/mcp", "POST", "https://evil.example")).await;
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        Answer::expect(200, preflight(path, "GET", "https://any.example")).await;
        let request = app.anonymous().request(Method::GET, path).header("origin", "https://any.example");
        let answer = Answer::expect(200, request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://any.example");
        assert_eq!(
            (answer.header("cache-control"), answer.header("content-type")),
            ("max-age=3600", "application/json")
        );
        let expected = json!({
            "resource": format!("http://{}/mcp", app.host_and_port()), "resource_name": "Tasks",
            "authorization_servers": ["https://auth.example/api/auth"],
            "scopes_supported": ["tasks:read", "tasks:write"], "bearer_methods_supported": ["header"],
        });
        assert_eq!(answer.json(), expected);
        assert_eq!(app.anonymous().post(405, path, json!({})).await.header("allow"), "GET, HEAD, OPTIONS");
        let answer = Answer::expect(200, app.anonymous().request(Method::HEAD, path)).await;
        assert_eq!(answer.text, "");
    }
    // Other answers are still not cacheable.
    assert_eq!(app.user("alice").get(200, "/api/tasks").await.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_public_address_there_is_no_endpoint() {
    let app = app(&[("HOST", "0.0.0.0")]).await;
    let alice = app.user_at("127.0.0.1", "alice");
    for path in ["/mcp", "/mcp/", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]
    {
        let answer = Answer::expect(404, alice.request(Method::POST, path)).await;
        assert_eq!(answer.code(), "route_not_found");
    }
    alice.get(200, "/api/tasks").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_rate_limit_an_agent_gets_429_with_retry_after() {
    let app = app(&[("RATE_LIMIT_PER_SECOND", "1")]).await;
    let pair = |number: u32| {
        let agent = Agent::new(app.user(&format!("alice-{number}")), Revision::Initialized);
        [agent.raw(PING), agent.raw(PING)]
    };
    let (_, answer) = Answer::refused_second(200, pair).await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("rate_limited", "1"));
}
