//! The tokens that open `/mcp`.

use jsonwebtoken::get_current_timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use testing::{Backend, TestDatabase, on_both_databases};

use crate::support::TestApp;
use crate::support::agent::{Agent, Reply, Revision};
use crate::support::issuer::{Issuer, RESOURCE};

const BOTH: &str = "openid tasks:read tasks:write";

/// Returns the server with an issuer of access tokens.
async fn with_issuer(app: TestApp, more: &[(&str, &str)]) -> (TestApp, Issuer) {
    let issuer = Issuer::start();
    let mut variables = vec![("BETTER_AUTH_URL", issuer.url.as_str()), ("MCP_RESOURCE", RESOURCE)];
    variables.extend(more);
    (app.with_settings(&variables).await, issuer)
}

fn agent(app: &TestApp, token: &str) -> Agent {
    Agent::new(app.bearer(token), Revision::Newest)
}

#[on_both_databases]
async fn an_access_token_opens_the_tools_of_its_scopes_and_its_client_is_the_actor(app: TestApp) {
    let (app, issuer) = with_issuer(app, &[("MCP_REQUIRE_OAUTH", "true")]).await;
    let writer = agent(&app, &issuer.access_token("alice", BOTH));
    let id = writer.does("add_task", json!({ "title": "hers" })).await["task_id"].as_i64().unwrap();
    let history =
        agent(&app, &token_of_api(&issuer, "alice")).user.get(200, &format!("/api/tasks/{id}/history")).await.json();
    assert_eq!(history[0]["actor"], "the-agent", "{history}");
    let reading = ["list_tasks", "get_task", "task_summary"];
    let all = writer.result("tools/list", json!({})).await["tools"].as_array().unwrap().clone();
    for (scope, may_read, may_write) in
        [("tasks:read", true, false), ("tasks:write", false, true), ("openid", false, false), (BOTH, true, true)]
    {
        let limited = agent(&app, &issuer.access_token("alice", scope));
        let listed = limited.result("tools/list", json!({})).await["tools"].as_array().unwrap().clone();
        let names: Vec<_> = listed.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        let mut expected = Vec::new();
        for tool in &all {
            let name = tool["name"].as_str().unwrap();
            let is_allowed = if reading.contains(&name) { may_read } else { may_write };
            if is_allowed {
                expected.push(name);
            }
            for revision in Revision::BOTH {
                let call = json!({ "name": name, "arguments": {} });
                let request = Agent { revision, ..limited.clone() }.request("tools/call", call);
                if is_allowed {
                    assert_eq!(Reply::to(request).await.status, 200, "{scope} {name}");
                    continue;
                }
                let reply = Reply::refused_before(request, 403, "insufficient_scope").await;
                let description = "http://127.0.0.1/.well-known/oauth-protected-resource/mcp";
                let challenge = format!(
                    r#"Bearer error="insufficient_scope", scope="tasks:read tasks:write", resource_metadata="{description}""#
                );
                assert_eq!(reply.header("www-authenticate"), challenge, "{scope} {name}");
            }
        }
        assert_eq!(names, expected, "{scope}");
    }
    // The guard and the library must not read different tools.
    let reader = Agent::new(app.bearer(&issuer.access_token("alice", "tasks:read")), Revision::Initialized);
    for (first, second) in [("get_task", "delete_task"), ("delete_task", "get_task")] {
        let names = format!(r#""name":"{first}","name":"{second}","arguments":{{"task_id":{id}}}"#);
        let call = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{{names}}}}}"#);
        let twice = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":{{"name":"{first}"}}}}"#
        );
        for body in [call, twice] {
            let reply = Reply::to(reader.raw(body)).await;
            assert!([400, 403].contains(&reply.status) || reply.json["error"].is_object(), "{}", reply.text);
        }
    }
    writer.does("get_task", json!({ "task_id": id })).await;
}

fn token_of_api(issuer: &Issuer, user: &str) -> String {
    let exp = get_current_timestamp() + 600;
    issuer.sign("JWT", &json!({ "sub": user, "exp": exp, "iss": issuer.url, "aud": issuer.url }))
}

#[on_both_databases]
async fn a_token_for_something_else_is_refused(app: TestApp) {
    let (app, issuer) = with_issuer(app, &[]).await;
    let with = |name: &str, value: Value| {
        let mut claims = issuer.claims("alice", BOTH);
        claims[name] = value;
        claims
    };
    let now = get_current_timestamp();
    let hostile = [
        ("wrong audience", issuer.sign("at+jwt", &with("aud", json!("https://other.example/mcp")))),
        ("issuer without its path", issuer.sign("at+jwt", &with("iss", json!(issuer.url)))),
        ("another type", issuer.sign("JWT", &with("aud", json!(RESOURCE)))),
        ("another type and the issuer of the API", {
            let mut claims = with("iss", json!(issuer.url));
            claims["aud"] = json!(RESOURCE);
            issuer.sign("JWT", &claims)
        }),
        ("ID token", issuer.sign("JWT", &with("aud", json!("the-agent")))),
        ("bound to a key", issuer.sign("at+jwt", &with("cnf", json!({ "jkt": "x" })))),
        ("without a subject", issuer.sign("at+jwt", &with("sub", Value::Null))),
        ("an unknown type", issuer.sign("dpop+jwt", &issuer.claims("alice", BOTH))),
        ("another key", Issuer::start().sign("at+jwt", &issuer.claims("alice", BOTH))),
    ];
    for (name, token) in &hostile {
        for path in ["/mcp", "/api/tasks"] {
            let reply = Reply::to(app.bearer(token).request(Method::POST, path).json(&json!({ "title": "t" }))).await;
            assert_eq!(
                (reply.status, &reply.json["code"]),
                (401, &json!("token_invalid")),
                "{name} at {path}: {}",
                reply.text
            );
        }
    }
    let expired = issuer.sign("at+jwt", &with("exp", json!(now - 60)));
    Reply::refused_before(agent(&app, &expired).request("tools/list", json!({})), 401, "token_expired").await;

    let access = issuer.access_token("alice", BOTH);
    for _ in 0..2 {
        // At the API it is refused, also while it is cached.
        agent(&app, &access).does("task_summary", json!({})).await;
        let answer = app.bearer(&access).get(401, "/api/tasks").await;
        assert_eq!(answer.code(), "token_invalid");
        assert!(answer.detail().starts_with("This is an access token for /mcp"), "{}", answer.detail());
        app.bearer(&access).get(401, "/api/me/export").await;
    }
}

#[on_both_databases]
async fn the_tokens_of_the_api_open_every_tool_unless_that_is_turned_off(app: TestApp) {
    let (app, issuer) = with_issuer(app, &[]).await;
    for user in [app.user("alice"), app.bearer(&token_of_api(&issuer, "alice"))] {
        let agent = Agent::new(user, Revision::Initialized);
        assert_eq!(agent.result("tools/list", json!({})).await["tools"].as_array().unwrap().len(), 8);
        agent.does("add_task", json!({ "title": "hers" })).await;
    }
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let variables =
        [("BETTER_AUTH_URL", issuer.url.as_str()), ("MCP_RESOURCE", RESOURCE), ("MCP_REQUIRE_OAUTH", "true")];
    let strict = TestApp::with(database, &variables).await;
    for user in [strict.user("alice"), strict.bearer(&token_of_api(&issuer, "alice"))] {
        let request = Agent::new(user.clone(), Revision::Initialized).request("tools/list", json!({}));
        let reply = Reply::refused_before(request, 401, "token_invalid").await;
        assert!(reply.header("www-authenticate").contains("resource_metadata="), "{:?}", reply.headers);
        user.get(200, "/api/tasks").await;
    }
}
