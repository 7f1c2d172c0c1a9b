//! `/openapi.json` and `/docs`

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, TestApp, difference};

#[on_both_databases]
async fn the_document_is_openapi_3_1_and_equals_the_committed_file(app: TestApp) {
    let answer = app.anonymous().get(200, "/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["openapi"].as_str().unwrap().starts_with("3.1."));

    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contracts/todo-api.yaml");
    let committed = std::fs::read_to_string(committed).unwrap();
    let generated = api::openapi::yaml();
    assert!(
        generated == committed,
        "docs/contracts/todo-api.yaml is not up to date. Run `cargo run -qp api -- openapi > docs/contracts/todo-api.yaml`:\n{}",
        difference(&committed, &generated)
    );
    let served: Value = serde_json::from_str(&api::openapi::json()).unwrap();
    assert_eq!(served, answer.json());
}

#[on_both_databases]
async fn every_operation_has_an_example_and_states_its_errors(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // The errors have examples of their own.
            let mut successful = operation.clone();
            successful["responses"].as_object_mut().unwrap().retain(|status, _| status.starts_with('2'));
            let text = successful.to_string();
            let shows_something = text.contains("requestBody") || text.contains("\"content\"");
            assert!(text.contains("\"example\"") || !shows_something, "{method} {path} has no example");
            let stated: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let mut expected = vec!["401", "422", "429", "500", "503"];
            // These paths name no user.
            if !path.starts_with("/api/me") {
                expected.push("403");
            }
            if path.contains("{id}") {
                expected.push("404");
            }
            if path.ends_with("/changes") {
                expected.push("410");
            }
            if operation.get("requestBody").is_some() {
                expected.extend(["408", "413"]);
            }
            if operation.get("requestBody").is_some() && !path.ends_with("complete") {
                expected.push("415");
            }
            let takes = |name: &str| {
                let mut parameters = operation["parameters"].as_array().into_iter().flatten();
                parameters.any(|parameter| parameter["name"] == name)
            };
            if takes("If-None-Match") {
                expected.push("304");
            }
            if takes("If-Match") {
                expected.push("412");
            }
            let creates = ["create_task", "update_task", "patch_task", "complete_task", "restore_task"];
            let conflicts = [&creates[..], &["snooze_reminder"]].concat();
            if conflicts.contains(&operation["operationId"].as_str().unwrap()) {
                expected.push("409");
            }
            let mut errors: Vec<&str> = stated.into_iter().filter(|status| !status.starts_with('2')).collect();
            errors.sort_unstable();
            expected.sort_unstable();
            assert_eq!(errors, expected, "{method} {path}");
        }
    }
}

#[on_both_databases]
async fn query_and_header_parameters_have_no_examples_because_swagger_ui_would_send_them(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let has_value = ["\"example\"", "\"examples\"", "\"default\""]
                    .iter()
                    .any(|key| parameter.to_string().contains(key));
                assert_eq!(has_value, parameter["in"] == "path", "{method} {path}: {parameter}");
            }
        }
    }
    let put = &document["paths"]["/api/tasks/{id}"]["put"]["requestBody"]["content"]["application/json"]["example"];
    assert!(put["title"].is_string() && put.get("description").is_none(), "{put}");
}

#[on_both_databases]
async fn the_keys_of_an_example_have_the_order_of_the_answer(app: TestApp) {
    let alice = app.user("alice");
    alice.create("t").await;
    let answer = alice.get(200, "/api/tasks").await.json();
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    let example = &document["components"]["schemas"]["Task"]["example"];
    let list = &document["paths"]["/api/tasks"]["get"]["responses"]["200"]["content"]["application/json"]["example"];
    let keys = |task: &Value| task.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for task in [example, &list[0]] {
        assert_eq!(keys(task), keys(&answer[0]));
    }
}

#[on_both_databases]
async fn operations_are_in_groups_and_those_that_delete_much_are_in_one_of_their_own_at_the_end(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    let groups: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(groups, ["tasks", "bulk", "tags and summary", "account", "permanent deletion"]);
    assert!(document["tags"][4]["description"].as_str().unwrap().contains("cannot be undone"));
    let sorter = app.anonymous().get(200, "/docs/swagger-initializer.js").await.text;
    let mut deleting = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let [group] = &operation["tags"].as_array().unwrap()[..] else { panic!("{method} {path}") };
            assert!(groups.contains(&group.as_str().unwrap()), "{method} {path}");
            if group == groups[4] {
                deleting.push(format!("{method} {path}"));
            }
            let id = operation["operationId"].as_str().unwrap();
            assert!(sorter.contains(&format!("'{id}'")), "{id} is not in ORDER of swagger-initializer.js");
        }
    }
    deleting.sort_unstable();
    assert_eq!(deleting, ["delete /api/me", "delete /api/tasks/trash"]);
}

#[on_both_databases]
async fn the_document_has_the_name_of_the_product_its_server_and_a_link_to_the_quickstart(app: TestApp) {
    let anonymous = app.anonymous();
    let document = anonymous.get(200, "/openapi.json").await.json();
    assert_eq!((&document["info"]["title"], &document["servers"][0]["url"]), (&"Task API".into(), &"/".into()));
    // Relative to the address of the document.
    let link = format!("/{}", document["externalDocs"]["url"].as_str().unwrap());
    let quickstart = anonymous.get(200, &link).await;
    assert!(quickstart.text.starts_with("# Quickstart"), "{}", quickstart.text);
    assert_eq!(quickstart.header("content-type"), "text/plain; charset=utf-8");
}

#[on_both_databases]
async fn the_root_redirects_to_the_documentation(app: TestApp) {
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get(307, "/").await.header("location"), "docs");
    let head = Answer::expect(307, anonymous.request(Method::HEAD, "/")).await;
    assert_eq!((head.header("location"), head.text.as_str()), ("docs", ""));
    let posted = Answer::expect(405, anonymous.request(Method::POST, "/")).await;
    assert_eq!((posted.header("allow"), posted.code().as_str()), ("GET, HEAD, OPTIONS", "method_not_allowed"));
}

#[on_both_databases]
async fn the_limits_of_the_document_are_those_that_are_enforced(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for schema in ["CreateTask", "UpdateTask"] {
        let properties = &document["components"]["schemas"][schema]["properties"];
        assert_eq!(properties["title"]["maxLength"], 200);
        assert_eq!(properties["title"]["minLength"], 1);
        assert_eq!(properties["description"]["maxLength"], 1000);
    }
}

/// Returns a request that makes the mistakes of the operation's example: its path, its query and its body.
fn mistaken(operation: &str, path: &str) -> (String, Value) {
    let (id, query, body) = match operation {
        "create_task" => ("", "", json!({"title": " ", "priority": "important", "due_date": "tomorrow"})),
        "update_task" | "patch_task" => ("1", "", json!({"title": "x".repeat(201), "completed": "yes"})),
        "complete_task" => ("1", "", json!({"completed": "yes"})),
        "get_task" | "delete_task" | "restore_task" => ("1.5", "", Value::Null),
        "list_tasks" => ("", "?priority=important&limit=0", Value::Null),
        "summarize_tasks" => ("", "?tz=Mars", Value::Null),
        "preview_recurrence" => {
            ("", "", json!({"recurrence": "FREQ=HOURLY", "due_date": "2026-01-31", "time_zone": "Mars", "count": 51}))
        }
        "list_changes" | "list_trash" | "list_history" | "list_occurrences" => ("1", "?limit=0", Value::Null),
        "snooze_reminder" => ("1", "", json!({"minutes": 0})),
        "stream_events" => ("", "?since=-1", Value::Null),
        "delete_completed_tasks" => ("", "", Value::Null),
        _ => ("1", "?sorted=title", Value::Null),
    };
    (format!("{}{query}", path.replace("{id}", id).replace("{n}", "1")), body)
}

#[on_both_databases]
async fn each_operation_answers_with_its_own_example_of_a_422(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for operation in api::routes::operations() {
        let stated = &document["paths"][operation.path][operation.method.to_lowercase()]["responses"]["422"];
        let (path, body) = mistaken(&operation.id, operation.path);
        let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
        let request = app.user("alice").request(method, &path).header("prefer", "handling=strict");
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = Answer::expect(422, request).await;
        assert_eq!(answer.json(), stated["content"]["application/json"]["example"], "{}", operation.id);
    }
}

#[on_both_databases]
async fn the_example_of_a_403_is_that_of_the_operation(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for operation in api::routes::operations().into_iter().filter(|operation| !operation.path.starts_with("/api/me")) {
        let stated = &document["paths"][operation.path][operation.method.to_lowercase()]["responses"]["403"];
        let name = stated["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let content = &document["components"]["responses"][name]["content"]["application/json"];
        if operation.path.contains("{id}") && operation.id != "restore_task" {
            let codes: Vec<_> = content["examples"].as_object().unwrap().keys().collect();
            assert_eq!(codes, ["not_owner", "not_your_path"], "{}", operation.id);
        } else {
            assert_eq!(content["example"]["code"], "not_your_path", "{}", operation.id);
        }
    }
}

/// Returns the texts between backticks of a column of the document's tables, in the rows of which `is_row` is true.
fn column(document: &str, column: usize, is_row: impl Fn(&[&str]) -> bool) -> Vec<String> {
    let rows = document.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| is_row(cells)).map(|cells| cells[column].trim_matches('`').to_owned()).collect()
}

#[on_both_databases]
async fn the_page_of_errors_lists_exactly_the_codes_of_the_source(app: TestApp) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let page = std::fs::read_to_string(page).unwrap();
    let codes: Vec<_> = api::error::Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    let statuses: Vec<_> = api::error::Code::ALL.iter().map(|code| code.status().as_str().to_owned()).collect();
    let has_status = |cells: &[&str]| cells.len() > 3 && cells[1].parse::<u16>().is_ok();
    assert_eq!(column(&page, 2, has_status), codes);
    assert_eq!(column(&page, 1, has_status), statuses);

    let document = app.anonymous().get(200, "/openapi.json").await.json();
    let stated = |schema: &str| -> Vec<String> {
        serde_json::from_value(document["components"]["schemas"][schema]["enum"].clone()).unwrap()
    };
    assert_eq!(stated("ErrorCode"), codes);
    let has_code = |cells: &[&str]| cells.len() == 4 && cells[1].starts_with('`') && !cells[1].contains(' ');
    assert_eq!(column(&page, 1, has_code), stated("FieldErrorCode"));
}

#[on_both_databases]
async fn swagger_ui_comes_from_the_program_itself(app: TestApp) {
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get(308, "/docs").await.header("location"), "docs/");
    let page = anonymous.get(200, "/docs/").await;
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("<title>Task API</title>"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{policy}");
    assert!(!page.text.contains("https://") && !page.text.contains("//cdn"), "{}", page.text);
    for file in ["index.html", "index.css", "swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        anonymous.get(200, &format!("/docs/{file}")).await;
    }
}

#[on_both_databases]
async fn the_documentation_can_be_turned_off(app: TestApp) {
    let app = app.with_settings(&[("DOCS", "false")]).await;
    for path in ["/", "/docs", "/docs/", "/docs/swagger-ui.css", "/docs/quickstart.md", "/openapi.json"] {
        assert_eq!(app.anonymous().get(404, path).await.code(), "route_not_found", "{path}");
        let posted = Answer::expect(404, app.anonymous().request(Method::POST, path)).await;
        assert_eq!(posted.code(), "route_not_found", "{path}");
    }
    app.anonymous().get(200, "/health/ready").await;
    app.user("alice").get(200, "/api/tasks").await;
}
