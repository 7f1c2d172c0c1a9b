//! The `errors` of a 422: every mistake of a body or a query.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

/// Sends the request and checks the field and the code of each mistake.
async fn expect(mistakes: &[(&str, &str)], request: RequestBuilder) -> Answer {
    let answer = Answer::expect(422, request).await;
    let found = answer.mistakes();
    let found: Vec<_> = found.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
    assert_eq!(found, mistakes, "{}", answer.text);
    answer
}

fn strict(request: RequestBuilder) -> RequestBuilder {
    request.header("prefer", "handling=strict")
}

#[on_both_databases]
async fn a_body_with_several_mistakes_names_all_of_them_in_the_order_of_the_schema(app: TestApp) {
    let alice = app.user("alice");
    let post = |body| alice.request(Method::POST, "/api/tasks").json(&body);
    let answer = expect(
        &[("title", "blank"), ("description", "wrong_type"), ("due_date", "invalid")],
        post(json!({"due_date": "tomorrow", "description": 5, "title": " ", "priority": "low", "importance": 1})),
    )
    .await;
    let error = |field, code, detail| json!({"field": field, "code": code, "detail": detail});
    assert_eq!(
        answer.json(),
        json!({
            "detail": "title must not be blank",
            "message": "title must not be blank",
            "code": "invalid_field",
            "errors": [
                error("title", "blank", "title must not be blank"),
                error("description", "wrong_type", "description must be a string"),
                error("due_date", "invalid", "Due date must be a day like 2026-01-31 or a time like 2026-01-31T10:00"),
            ],
        })
    );
    let every_field = json!({"title": 1, "description": "\0", "priority": "?", "tags": ["a", "A"], "due_date": true});
    expect(
        &[
            ("title", "wrong_type"),
            ("description", "forbidden_character"),
            ("priority", "invalid"),
            ("tags", "repeated"),
            ("due_date", "wrong_type"),
        ],
        post(every_field),
    )
    .await;
    assert_eq!(alice.titles("/api/tasks").await, [""; 0]);
}

#[on_both_databases]
async fn a_missing_field_does_not_hide_other_mistakes(app: TestApp) {
    let alice = app.user("alice");
    let post = |body| alice.request(Method::POST, "/api/tasks").json(&body);
    let answer =
        expect(&[("title", "required"), ("tags", "blank")], post(json!({"tags": [""], "description": null}))).await;
    assert_eq!(answer.detail(), "title is required");
    expect(&[("title", "required")], post(json!({}))).await;
}

#[on_both_databases]
async fn an_update_names_every_mistake(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let many: Vec<_> = (0..21).map(|number| number.to_string()).collect();
    let body = json!({"title": "x".repeat(201), "completed": null, "priority": 1, "tags": many, "due_date": "soon"});
    for method in [Method::PUT, Method::PATCH] {
        let request = alice.request(method, &path).json(&body);
        let mistakes = [
            ("title", "too_long"),
            ("completed", "wrong_type"),
            ("priority", "invalid"),
            ("tags", "too_many"),
            ("due_date", "invalid"),
        ];
        expect(&mistakes, request).await;
    }
    let request = alice.request(Method::PATCH, &format!("{path}/complete")).json(&json!({"completed": "yes"}));
    expect(&[("completed", "wrong_type")], request).await;
}

#[on_both_databases]
async fn a_field_of_the_wrong_type_inside_a_list_is_named_without_its_place(app: TestApp) {
    let alice = app.user("alice");
    let request = alice.request(Method::POST, "/api/tasks").json(&json!({"title": "", "tags": ["a", 1]}));
    let answer = expect(&[("title", "blank"), ("tags", "wrong_type")], request).await;
    assert_eq!(answer.json()["errors"][1]["detail"], "tags[1] must be a string");
}

#[on_both_databases]
async fn a_field_that_is_sent_twice_is_one_mistake_among_others(app: TestApp) {
    let alice = app.user("alice");
    let body = r#"{"title":"a","title":5,"description":1,"priority":"low"}"#;
    let request = alice.request(Method::POST, "/api/tasks").body(body);
    expect(&[("title", "repeated"), ("description", "wrong_type")], request).await;
}

#[on_both_databases]
async fn a_query_with_several_mistakes_names_all_of_them_in_the_order_of_the_document(app: TestApp) {
    let alice = app.user("alice");
    let get = |query: &str| alice.request(Method::GET, &format!("/api/tasks?{query}"));
    let answer = expect(
        &[
            ("status", "repeated"),
            ("priority", "invalid"),
            ("tag", "forbidden_character"),
            ("due_before", "invalid"),
            ("tz", "invalid"),
            ("order", "invalid"),
            ("limit", "invalid"),
        ],
        get("limit=0&order=up&tz=Mars&due_before=soon&tag=a%0Ab&tag=b&priority=high,x&status=all&status=all&search=a%26b"),
    )
    .await;
    assert_eq!((answer.code().as_str(), answer.detail().as_str()), ("invalid_parameter", "status must come once"));
    let many = (0..21).map(|number| format!("tag={number}")).collect::<Vec<_>>().join("&");
    expect(&[("tag", "too_many"), ("limit", "invalid")], get(&format!("limit=many&{many}"))).await;
    expect(&[("status", "required")], alice.request(Method::DELETE, "/api/tasks")).await;
    expect(&[("tz", "invalid")], alice.request(Method::GET, "/api/tasks/summary?tz=")).await;
}

#[on_both_databases]
async fn strict_handling_names_unknown_names_after_the_mistakes_of_known_ones(app: TestApp) {
    let alice = app.user("alice");
    let post = strict(alice.request(Method::POST, "/api/tasks"));
    let body = json!({"title": "", "due_date": "2030-01-31T10:00", "a": 1, "b": {"title": 2}, "é\"": 3});
    let unknown = "unknown_field";
    let mistakes = [("title", "blank"), ("due_date", "invalid"), ("a", unknown), ("b", unknown), ("é\"", unknown)];
    let answer = expect(&mistakes, post.json(&body)).await;
    assert_eq!(answer.code(), "invalid_field");
    let get = |query: &str| strict(alice.request(Method::GET, &format!("/api/tasks?{query}")));
    let unknown = "unknown_parameter";
    let answer = expect(&[("sortBy", unknown), ("page", unknown)], get("sortBy=title&limit=5&page=2&sortBy=a")).await;
    let sentence = "Unknown query parameters: sortBy, page, sortBy";
    assert_eq!((answer.code().as_str(), answer.detail().as_str()), (unknown, sentence));
    assert_eq!(answer.json()["errors"][1]["detail"], sentence);
    expect(&[("limit", "invalid"), ("page", unknown)], get("page=2&limit=x")).await;
}

#[on_both_databases]
async fn a_body_that_is_no_object_has_one_mistake_without_a_field(app: TestApp) {
    let alice = app.user("alice");
    for (body, error, code) in [
        ("", "invalid_body", "required"),
        ("{", "invalid_json", "malformed"),
        ("{\"title\":}", "invalid_json", "malformed"),
        ("[]", "invalid_body", "wrong_type"),
        ("null", "invalid_body", "wrong_type"),
    ] {
        let answer = expect(&[("", code)], alice.request(Method::POST, "/api/tasks").body(body)).await;
        assert_eq!(answer.code(), error, "{body}");
    }
    let not_utf_8 = alice.request(Method::POST, "/api/tasks").body(b"{\"title\":\"\xff\"}".to_vec());
    expect(&[("", "malformed")], not_utf_8).await;
}

#[on_both_databases]
async fn the_id_the_cursor_and_a_page_that_is_too_far_away_are_named(app: TestApp) {
    let alice = app.user("alice");
    let get = |path: &str| alice.request(Method::GET, path);
    expect(&[("id", "invalid")], get("/api/tasks/1.5")).await;
    let answer = expect(&[("cursor", "invalid")], get("/api/tasks?limit=5&cursor=x")).await;
    assert_eq!(answer.code(), "invalid_cursor");
    expect(&[("page", "invalid")], get("/api/tasks?page=5000&limit=1000")).await;
    expect(&[("offset", "invalid")], get("/api/tasks?skip=10001&limit=1")).await;
}

#[on_both_databases]
async fn thousands_of_unknown_names_make_a_small_answer(app: TestApp) {
    let alice = app.user("alice");
    let names = |start: &str| (0..3000).map(|number| format!("{start}{number}")).collect::<Vec<_>>();
    let body: Vec<_> = names("x").iter().map(|name| format!(r#""{name}":1"#)).collect();
    let request = alice.request(Method::POST, "/api/tasks").body(format!(r#"{{"title":"",{}}}"#, body.join(",")));
    let answer = Answer::expect(422, strict(request)).await;
    assert_eq!(answer.mistakes().len(), 20);
    assert_eq!(answer.mistakes()[0].0, "title");
    assert!(answer.text.len() < 10_000, "{}", answer.text.len());

    let query = names("y").join("&");
    let answer = Answer::expect(422, strict(alice.request(Method::GET, &format!("/api/tasks?{query}")))).await;
    assert_eq!(answer.mistakes().len(), 20);
    assert!(answer.text.len() < 10_000, "{}", answer.text.len());
}

#[on_both_databases]
async fn a_long_name_is_cut_and_written_as_json(app: TestApp) {
    let alice = app.user("alice");
    let name = "\"<\u{1}é".repeat(5000);
    let request = strict(alice.request(Method::POST, "/api/tasks")).json(&json!({"title": "t", name.as_str(): 1}));
    let answer = Answer::expect(422, request).await;
    let cut: String = name.chars().take(100).collect();
    assert_eq!(answer.mistakes(), [(cut, "unknown_field".to_owned())]);
    assert!(answer.text.len() < 3000, "{}", answer.text.len());
}

#[on_both_databases]
async fn a_body_in_the_forms_of_front_ends_has_the_mistakes_of_the_contracts_fields(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let put = |body| alice.request(Method::PUT, &path).json(&body);
    let body = json!({"is_completed": true, "tags": "home, a\nb", "priority": "Urgent", "title": "", "due_date": "x"});
    expect(&[("title", "blank"), ("tags", "forbidden_character"), ("due_date", "invalid")], put(body)).await;
    let get = alice.request(Method::GET, "/api/tasks?sort_order=DESC&status=Done&priority=Urgent,x&page=2&limit=0");
    expect(&[("priority", "invalid"), ("limit", "invalid")], get).await;
    assert_eq!(alice.get(200, &path).await.json()["completed"], false);
}
