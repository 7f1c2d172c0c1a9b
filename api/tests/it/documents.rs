//! `/openapi.json` and `/docs`

use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn the_document_is_openapi_3_1_and_equals_the_committed_file(app: TestApp) {
    let answer = app.anonymous().get(200, "/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["openapi"].as_str().unwrap().starts_with("3.1."));

    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contracts/todo-api.yaml");
    let committed = std::fs::read_to_string(committed).unwrap();
    assert_eq!(api::openapi::yaml(), committed, "run `just openapi`");
    let served: Value = serde_json::from_str(&api::openapi::json()).unwrap();
    assert_eq!(served, answer.json());
}

#[on_both_databases]
async fn every_operation_has_an_example_and_states_its_errors(app: TestApp) {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let text = operation.to_string();
            let shows_something = text.contains("requestBody") || text.contains("\"content\"");
            assert!(text.contains("\"example\"") || !shows_something, "{method} {path} has no example");
            let stated: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let mut expected = vec!["401", "403", "422", "429", "500", "503"];
            if path.contains("{id}") {
                expected.push("404");
            }
            if operation.get("requestBody").is_some() {
                expected.extend(["408", "413"]);
            }
            if operation.get("requestBody").is_some() && !path.ends_with("complete") {
                expected.push("415");
            }
            for status in expected {
                assert!(stated.contains(&status), "{method} {path} does not state {status}");
            }
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
    assert_eq!(deleting, ["delete /api/me", "delete /api/tasks"]);
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
