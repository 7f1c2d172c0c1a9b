//! `/metrics`, its documentation, and the alert rules that use it.

use std::path::Path;

use api::error::Code;
use reqwest::Method;
use testing::{TestDatabase, on_both_databases};

use crate::support::agent::{Agent, Reply, Revision};
use crate::support::program::Program;
use crate::support::tools::free_port;
use crate::support::{Answer, SECRET, token};

#[on_both_databases]
async fn metrics_count_requests_by_route_and_contain_no_user_data(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let variables = [
        ("DATABASE_URL", database.url().to_owned()),
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("BETTER_AUTH_URL", "http://127.0.0.1:1".to_owned()),
        ("METRICS_ADDRESS", format!("127.0.0.1:{port}")),
    ];
    let program = Program::start(folder.path(), variables);
    let alice = program.bearer(&token("alice"));
    let path = alice.create("private title").await;
    alice.get(200, &path).await;
    alice.get(200, &format!("{}/", path.replace("/api/", "/api/alice/"))).await;
    alice.get(404, "/private-path").await;
    alice.get(404, "/api/tasks/private-word").await;
    Answer::expect(405, alice.request(Method::from_bytes(b"PRIVATE").unwrap(), "/api/tasks")).await;
    let preflight = alice.request(Method::OPTIONS, "/api/tasks").header("origin", "http://private.example");
    Answer::expect(400, preflight.header("access-control-request-method", "GET")).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_task","arguments":{"task_id":"private"}}}"#;
    let agent = Agent::new(alice.clone(), Revision::Initialized);
    assert_eq!(Reply::to(agent.raw(call)).await.status, 200);
    program.bearer("eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ.e30.AA").get(503, "/api/tasks").await;
    let text = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        r#"http_request_duration_seconds_count{method="POST",route="/api/tasks",status="201"} 1"#,
        r#"http_request_duration_seconds_count{method="GET",route="/api/tasks/{id}",status="200"} 2"#,
        r#"http_request_duration_seconds_count{method="GET",route="-",status="404"} 2"#,
        r#"http_request_duration_seconds_count{method="other",route="/api/tasks",status="405"} 1"#,
        r#"http_request_duration_seconds_count{method="POST",route="/mcp",status="200"} 1"#,
        r#"mcp_tool_calls_total{outcome="refused",tool="get_task"} 1"#,
        r#"mcp_tool_calls_total{outcome="success",tool="add_task"} 0"#,
        r#"key_fetches_total{outcome="failure"} 1"#,
        r#"key_fetches_total{outcome="success"} 0"#,
        r#"http_errors_total{code="route_not_found"} 2"#,
        r#"http_errors_total{code="method_not_allowed"} 1"#,
        r#"http_errors_total{code="cors_refused"} 1"#,
        r#"http_errors_total{code="key_server_unavailable"} 1"#,
        r#"http_errors_total{code="internal_error"} 0"#,
        concat!(r#"build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
        "database_connections_max ",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_start_time_seconds ",
        r#"database_connections{state="idle"}"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("rivate"), "{text}");
    assert_eq!(text.matches("\nhttp_errors_total{").count(), Code::ALL.len(), "each code has a counter from the start");
    are_documented_and_used(&text);
    alice.get(404, "/metrics").await;
    program.signal("TERM");
    assert_eq!(program.wait().0, Some(0));
}

/// Asserts that the guide for operators lists each metric, and that the monitoring kit uses no other ones.
fn are_documented_and_used(metrics: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |path: &str| std::fs::read_to_string(docs.join(path)).unwrap();
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names: Vec<_> = types.map(|(name, _)| name).collect();
    let guide = read("operations.md");
    for name in &names {
        assert!(guide.contains(&format!("`{name}`")), "docs/operations.md does not list {name}");
    }
    serde_json::from_str::<serde_json::Value>(&read("deployment/monitoring/dashboard.json")).unwrap();
    for path in ["deployment/monitoring/alerts.yml", "deployment/monitoring/dashboard.json"] {
        let text = read(path);
        // Each metric is written with its labels in braces.
        let before_braces = text.split('{').filter_map(|part| {
            part.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
        });
        // Prometheus itself makes `up`.
        let used: Vec<_> = before_braces.filter(|name| *name != "up").collect();
        assert!(used.len() > 10, "{used:?}");
        for used in used {
            let name = ["_bucket", "_count"].iter().find_map(|end| used.strip_suffix(end)).unwrap_or(used);
            assert!(names.contains(&name), "{path} uses {used}, which is no metric");
        }
    }
}
