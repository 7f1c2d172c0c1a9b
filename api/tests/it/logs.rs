//! The log of the program: lines of requests, their form, and warnings at the start.

use std::net::TcpListener;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::agent::{Agent, Revision};
use crate::support::program::{Program, command, run};
use crate::support::{Answer, SECRET, token};

/// Starts a server, lets `client` send requests with their ids, and returns the log.
async fn log_of(variables: &[(&str, &str)], client: impl AsyncFnOnce(&Program)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), variables.iter().copied());
    client(&program).await;
    program.signal("TERM");
    program.wait().1
}

/// Returns the only line with this text.
fn line<'a>(log: &'a str, text: &str) -> &'a str {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(text)).collect();
    let [line] = lines[..] else { panic!("{text} is not in one line of\n{log}") };
    line
}

fn preflight(program: &Program, origin: &str, id: &str) -> reqwest::RequestBuilder {
    let request = program.bearer("").request(Method::OPTIONS, "/api/tasks").header("origin", origin);
    request.header("access-control-request-method", "GET").header("x-request-id", id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_a_client_error_ends_with_its_code_a_404_with_its_path_and_a_preflight_with_its_origin() {
    let log = log_of(&[("BETTER_AUTH_SECRET", SECRET)], async |program| {
        let alice = program.bearer(&token("alice"));
        let send = async |status, method, path: &str, id: &str, body: Option<Value>| {
            let request = alice.request(method, path).header("x-request-id", id);
            let request = if let Some(body) = body { request.json(&body) } else { request };
            Answer::expect(status, request).await;
        };
        send(201, Method::POST, "/api/tasks", "id-created", Some(json!({"title": "t"}))).await;
        send(422, Method::POST, "/api/tasks", "id-invalid", Some(json!({"title": {"private": 1}}))).await;
        send(404, Method::GET, "/api/tasks/999?private=1", "id-no-task", None).await;
        send(404, Method::GET, &format!("/{}?private=1", "x".repeat(200)), "id-no-route", None).await;
        send(404, Method::GET, "/a'b", "id-quote", None).await;
        send(405, Method::from_bytes(&[b'X'; 300]).unwrap(), "/", "id-method", None).await;
        let anonymous = program.bearer("").request(Method::GET, "/api/tasks").header("x-request-id", "id-no-token");
        Answer::expect(401, anonymous).await;
        Answer::expect(400, preflight(program, "http://localhost:5173", "id-preflight")).await;
        Answer::expect(400, preflight(program, &format!("http://{}'", "x".repeat(200)), "id-long-origin")).await;
        let other = preflight(program, "http://localhost:3000", "id-header");
        Answer::expect(400, other.header("access-control-request-headers", "x-private")).await;
    })
    .await;
    assert!(line(&log, "id-created").ends_with("ms id-created"), "{log}");
    assert!(line(&log, "id-invalid").ends_with("ms id-invalid invalid_field"), "{log}");
    assert!(line(&log, "id-no-task").ends_with("id-no-task task_not_found /api/tasks/999"), "{log}");
    assert!(line(&log, "id-no-route").ends_with(&format!("id-no-route route_not_found /{}…", "x".repeat(99))), "{log}");
    let method = line(&log, "id-method").split(' ').find(|word| word.starts_with('X'));
    assert_eq!(method, Some("X".repeat(20).as_str()));
    assert!(line(&log, "id-quote").ends_with(r"id-quote route_not_found /a\'b"), "{log}");
    assert!(line(&log, "id-no-token").ends_with("id-no-token token_malformed"), "{log}");
    let refused = "id-preflight cors_refused: CORS_ALLOWED_ORIGINS does not contain the origin http://localhost:5173";
    assert!(line(&log, "id-preflight").ends_with(refused), "{log}");
    assert!(line(&log, "id-long-origin").ends_with(&format!(" http://{}…", "x".repeat(93))), "{log}");
    assert!(line(&log, "id-header").ends_with("id-header cors_refused"), "{log}");
    assert!(!log.contains("private"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_states_why_there_is_no_endpoint_for_agents() {
    let reason = "there is no /mcp for agents: MCP_RESOURCE, its public address, is not set, and 0.0.0.0:";
    for (variable, value, is_logged) in
        [("DOCS", "true", true), ("MCP_RESOURCE", "https://tasks.example/mcp", false), ("HOST", "127.0.0.1", false)]
    {
        let variables = [("BETTER_AUTH_SECRET", SECRET), ("HOST", "0.0.0.0"), (variable, value)];
        let log = log_of(&variables, async |_| {}).await;
        assert_eq!(log.contains(reason), is_logged, "{variable}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_tool_is_logged_with_its_outcome_and_neither_arguments_nor_ids_of_the_client_are() {
    for level in ["info", "trace"] {
        let log = log_of(&[("BETTER_AUTH_SECRET", SECRET), ("RUST_LOG", level)], async |program| {
            let alice = program.bearer(&token("alice"));
            for revision in Revision::BOTH {
                let agent = Agent::new(alice.clone(), revision);
                agent.does("add_task", json!({"title": "private title"})).await;
                agent.refused("get_task", json!({"task_id": "private id"})).await;
                let body = json!({
                    "jsonrpc": "2.0", "id": "private\nERROR forged", "method": "tools/call",
                    "params": {"name": "private tool", "arguments": {"private": "private"}},
                });
                agent.raw(body.to_string()).send().await.unwrap();
            }
        })
        .await;
        let ends = |text: &str| log.lines().filter(|line| line.ends_with(text)).count();
        assert_eq!(ends(" tool add_task success client -"), 2, "{log}");
        assert_eq!(ends(" tool get_task refused client -"), 2, "{log}");
        assert!(!log.contains("private") && !log.contains("forged") && !log.contains("serve_inner"), "{level}: {log}");
        assert!(!log.contains("eyJ"), "{level}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_format_json_writes_one_object_a_line_with_the_fields_of_requests() {
    let variables = [("BETTER_AUTH_SECRET", SECRET), ("LOG_FORMAT", "json"), ("CORS_ORIGINS", "http://a.example")];
    let log = log_of(&variables, async |program| {
        let alice = program.bearer(&token("alice"));
        Answer::expect(200, alice.request(Method::GET, "/api/alice/tasks").header("x-request-id", "id-list")).await;
        Answer::expect(404, alice.request(Method::GET, "/no\"where").header("x-request-id", "id-no-route")).await;
        Answer::expect(400, preflight(program, "http://localhost:5173", "id-preflight")).await;
    })
    .await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        assert!(line["level"].is_string() && line["target"].is_string() && line["message"].is_string(), "{line}");
    }
    let request = |id: &str| lines.iter().find(|line| line["request_id"] == id).unwrap_or_else(|| panic!("{log}"));
    let list = request("id-list");
    assert_eq!(
        (&list["level"], &list["method"], &list["route"], &list["status"]),
        (&json!("INFO"), &json!("GET"), &json!("/api/tasks"), &json!(200))
    );
    assert!(list["duration_ms"].is_f64() && list.get("code").is_none() && list.get("path").is_none(), "{list}");
    let no_route = request("id-no-route");
    assert_eq!((&no_route["code"], &no_route["path"]), (&json!("route_not_found"), &json!("/no%22where")));
    let refused = request("id-preflight");
    assert_eq!((&refused["code"], &refused["origin"]), (&json!("cors_refused"), &json!("http://localhost:5173")));
    let warning = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    let expected = "CORS_ORIGINS is set, but there is no such setting: did you mean CORS_ALLOWED_ORIGINS?";
    assert_eq!(warning["message"], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_development_secret_a_page_of_every_local_port_may_call_and_the_log_reports_it() {
    let log = log_of(&[], async |program| {
        for origin in ["http://localhost:5173", "http://127.0.0.1:8081"] {
            let answer = Answer::expect(200, preflight(program, origin, "id")).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
        }
        for origin in ["http://localhost.evil.example:3000", "http://192.168.0.2:3000", "https://localhost:3000"] {
            Answer::expect(400, preflight(program, origin, "id")).await;
        }
    })
    .await;
    line(
        &log,
        "CORS_ALLOWED_ORIGINS is not set: pages of http://localhost and http://127.0.0.1, on any port, may call",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_key_server_is_warned_of_at_start_and_delays_nothing() {
    // It accepts connections and does not answer.
    let key_server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://user:hunter2@{}", key_server.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_URL", &address)]);
    program.bearer(&token("alice")).get(200, "/api/tasks").await;
    drop(key_server);
    let place = address.replace("user:hunter2@", "");
    program.wait_for_log(&format!("cannot be fetched from {place}/api/auth/jwks (BETTER_AUTH_URL or"));
    program.signal("TERM");
    assert!(!program.wait().1.contains("hunter2"));
}

#[test]
fn a_misspelt_name_in_a_dot_env_file_is_warned_of_by_commands_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "DATABSE_URL=hunter2\nBETTER_AUTH_TELEMETRY=0\n").unwrap();
    let (code, _, stderr) = run(command(folder.path()).args(["migrate", "status"]));
    assert_eq!(code, Some(0));
    assert_eq!(stderr, "DATABSE_URL is set, but there is no such setting: did you mean DATABASE_URL?\n");
}
