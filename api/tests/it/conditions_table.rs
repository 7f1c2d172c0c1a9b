//! Every operation of the document, for the owner, for a stranger and without a token: the tag that it answers with, and its
//! conditions.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

/// The resource whose version a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// The operation has no tag, or does not judge the condition.
    None,
    /// A task: its version.
    Task,
    /// All tasks of the caller: their state.
    List,
}

/// The row of an operation.
struct Row {
    /// The status of the answer to the owner.
    status: u16,
    query: &'static str,
    body: Option<Value>,
    /// The tag of a success.
    etag: Tag,
    if_match: Tag,
    if_none_match: Tag,
    /// Whether an `Idempotency-Key` makes the request one that is done once.
    takes_key: bool,
}

/// Returns the row of an operation. An operation of the document without a row fails the tests.
fn row(operation: &str) -> Row {
    use Tag::{List, None as No, Task};
    let (status, etag, if_match, if_none_match) = match operation {
        "list_tasks" | "summarize_tasks" | "list_tags" => (200, List, No, List),
        "get_task" => (200, Task, No, Task),
        "create_task" => (201, Task, No, No),
        // A delete is sent with `Prefer: return=representation`.
        "update_task" | "patch_task" | "complete_task" | "delete_task" => (200, Task, Task, No),
        // The task exists.
        "restore_task" => (200, Task, No, No),
        "complete_all_tasks" | "delete_completed_tasks" => (200, No, List, No),
        // Every change since 0 is known only to a user without a task.
        "list_changes" => (410, No, No, No),
        "stream_events" | "export_me" | "list_trash" | "empty_trash" | "list_history" | "list_occurrences"
        | "preview_recurrence" => (200, No, No, No),
        // The task has no reminder.
        "snooze_reminder" => (404, No, No, No),
        "erase_me" => (204, No, No, No),
        unknown => panic!("the table of conditions has no row for the operation {unknown}"),
    };
    let query = match operation {
        "delete_completed_tasks" => "?status=completed",
        "list_changes" => "?since=0",
        // The stream ends at once, because this state is not known.
        "stream_events" => "?since=1",
        _ => "",
    };
    let takes_key = match operation {
        "create_task" | "restore_task" | "empty_trash" => true,
        _ => if_match != No,
    };
    let body = match operation {
        "create_task" | "update_task" | "patch_task" => Some(json!({"title": "written"})),
        "snooze_reminder" => Some(json!({"minutes": 10})),
        "preview_recurrence" => Some(json!({"recurrence": "daily", "due_date": "2026-01-31", "time_zone": "UTC"})),
        _ => None,
    };
    Row { status, query, body, etag, if_match, if_none_match, takes_key }
}

/// An operation of the document.
#[derive(Clone)]
struct Operation {
    id: String,
    method: Method,
    path: String,
    stated: Value,
}

async fn operations(app: &TestApp) -> Vec<Operation> {
    let document = app.anonymous().get(200, "/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, stated) in item.as_object().unwrap() {
            operations.push(Operation {
                id: stated["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                stated: stated.clone(),
            });
        }
    }
    assert!(operations.len() > 10);
    operations
}

impl Operation {
    fn request(&self, row: &Row, user: &User, id: &Value, headers: &[(&str, &str)]) -> RequestBuilder {
        let path = self.path.replace("{id}", &id.to_string()).replace("{n}", "1");
        let request = user.request(self.method.clone(), &format!("{path}{}", row.query));
        let request = request.header("prefer", "return=representation");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        match &row.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

/// A user with a pending and a completed task, neither of which has a due date.
struct Owner {
    user: User,
    /// The pending task, as it is at first.
    task: Value,
    /// All tasks, and the tag of the list, at first.
    before: (Value, String),
}

impl Owner {
    async fn new(other: &User, name: &str) -> Self {
        let user = other.signed_in_as(name);
        let done = user.create("done").await;
        user.toggle(200, &done).await;
        let task = user.post(201, "/api/tasks", json!({"title": "pending"})).await.json();
        let before = all(&user).await;
        Self { user, task, before }
    }

    /// The current tag of the task or of the list.
    fn tag(&self, of: Tag) -> String {
        if of == Tag::List { self.before.1.clone() } else { quoted(&self.task["version"]) }
    }

    async fn is_unchanged(&self) -> bool {
        all(&self.user).await == self.before
    }
}

async fn all(user: &User) -> (Value, String) {
    let answer = user.get(200, "/api/tasks").await;
    (answer.json(), answer.header("etag").to_owned())
}

fn quoted(version: &Value) -> String {
    format!("\"{version}\"")
}

#[on_both_databases]
async fn the_document_states_the_conditions_and_the_tags_of_the_table(app: TestApp) {
    for operation in operations(&app).await {
        let (row, stated) = (row(&operation.id), &operation.stated);
        let takes = |name: &str| {
            let mut parameters = stated["parameters"].as_array().into_iter().flatten();
            parameters.any(|parameter| parameter["name"] == name && parameter["in"] == "header")
        };
        let answers = |status: &str| stated["responses"].get(status).is_some();
        let has_tag = |status: &str| !stated["responses"][status]["headers"]["ETag"].is_null();
        let [judges_write, judges_read] = [row.if_match, row.if_none_match].map(|tag| tag != Tag::None);
        let id = &operation.id;
        assert_eq!((takes("If-Match"), answers("412")), (judges_write, judges_write), "{id}");
        assert_eq!((takes("If-None-Match"), answers("304"), has_tag("304")), ([judges_read; 3]).into(), "{id}");
        assert_eq!(has_tag(&row.status.to_string()), row.etag != Tag::None, "{id}");
        let is_marked = !stated["responses"][row.status.to_string()]["headers"]["Idempotency-Replayed"].is_null();
        assert_eq!((takes("Idempotency-Key"), is_marked), (row.takes_key, row.takes_key), "{id}");
    }
}

#[on_both_databases]
async fn to_the_owner_every_operation_answers_with_its_tag_and_judges_its_conditions(app: TestApp) {
    let anonymous = app.anonymous();
    for operation in operations(&app).await {
        let row = row(&operation.id);
        for (case, header, tag) in [
            ("none", "", Tag::None),
            ("current", "if-match", row.if_match),
            ("any", "if-match", row.if_match),
            ("stale", "if-match", row.if_match),
            ("invalid", "if-match", row.if_match),
            ("current", "if-none-match", row.if_none_match),
            ("any", "if-none-match", row.if_none_match),
            ("stale", "if-none-match", row.if_none_match),
            ("invalid", "if-none-match", row.if_none_match),
        ] {
            let name = format!("{} {header} {case}", operation.id);
            let owner = Owner::new(&anonymous, &name.replace(' ', "-")).await;
            // An operation without a condition gets the tag of its task, or of the list.
            let of = match tag {
                Tag::None if operation.path.contains("{id}") => Tag::Task,
                Tag::None => Tag::List,
                judged => judged,
            };
            let value = match case {
                "current" => owner.tag(of),
                "any" => "*".to_owned(),
                "stale" => "\"1769851800000000\"".to_owned(),
                _ => "1769851800000000".to_owned(),
            };
            let headers = [(header, value.as_str())];
            let headers = if header.is_empty() { &[] } else { &headers[..] };
            let answer = Answer::to(operation.request(&row, &owner.user, &owner.task["id"], headers)).await;

            let is_judged = tag != Tag::None;
            let expected = match (header, case) {
                ("if-match", "stale") if is_judged => 412,
                ("if-match", "invalid") if is_judged => 422,
                ("if-none-match", "current" | "any") if is_judged => 304,
                _ => row.status,
            };
            assert_eq!(answer.status, expected, "{name}: {}", answer.text);
            match expected {
                412 => {
                    assert_eq!(answer.header("etag"), owner.tag(tag), "{name}");
                    let current = if tag == Tag::Task { owner.task.clone() } else { Value::Null };
                    assert_eq!((answer.code().as_str(), &answer.json()["current"]), ("precondition_failed", &current));
                    assert_eq!(answer.json().get("current").is_some(), tag == Tag::Task, "{name}");
                }
                422 => assert_eq!((answer.code().as_str(), answer.has("etag")), ("invalid_header", false), "{name}"),
                304 => assert_eq!((answer.header("etag"), answer.text.as_str()), (&*owner.tag(tag), ""), "{name}"),
                _ => match row.etag {
                    Tag::None => assert!(!answer.has("etag"), "{name}"),
                    Tag::Task => assert_eq!(answer.header("etag"), quoted(&answer.json()["version"]), "{name}"),
                    Tag::List => assert_eq!(answer.header("etag"), owner.before.1, "{name}"),
                },
            }
            // The task to restore exists, the trash is empty, and a preview writes nothing.
            let has_nothing_to_do =
                ["restore_task", "empty_trash", "preview_recurrence"].contains(&operation.id.as_str());
            let writes = operation.method != Method::GET && expected < 300 && !has_nothing_to_do;
            assert_eq!(owner.is_unchanged().await, !writes, "{name}");
            if operation.method == Method::GET {
                let head = Operation { method: Method::HEAD, ..operation.clone() };
                let head = Answer::to(head.request(&row, &owner.user, &owner.task["id"], headers)).await;
                let etag = |answer: &Answer| answer.headers.get("etag").cloned();
                assert_eq!(
                    (head.status, etag(&head), head.text.as_str()),
                    (answer.status, etag(&answer), ""),
                    "{name}"
                );
            }
        }
    }
}

#[on_both_databases]
async fn no_condition_changes_the_answer_to_a_stranger_or_without_a_token(app: TestApp) {
    let anonymous = app.anonymous();
    let owner = Owner::new(&anonymous, "alice").await;
    for operation in operations(&app).await {
        let row = row(&operation.id);
        for header in ["if-match", "if-none-match"] {
            let (task, list) = (owner.tag(Tag::Task), owner.tag(Tag::List));
            let bob = anonymous.signed_in_as(&format!("{}-{header}", operation.id));
            bob.create("his").await;
            for value in ["*", &task, &list, "\"1\"", "invalid"] {
                let name = format!("{} {header} {value}", operation.id);
                let (_, his) = all(&bob).await;
                let request = operation.request(&row, &anonymous, &owner.task["id"], &[(header, value)]);
                let answer = Answer::expect(401, request).await;
                assert!(!answer.has("etag"), "{name}");
                let request = operation.request(&row, &bob, &owner.task["id"], &[(header, value)]);
                let answer = Answer::to(request).await;
                let is_invalid = (header, value) == ("if-match", "invalid") && row.if_match != Tag::None;
                let judged = if header == "if-match" { row.if_match } else { row.if_none_match };
                let expected = match (header, value) {
                    _ if is_invalid => 422,
                    _ if operation.id == "restore_task" => 404,
                    _ if operation.path.contains("{id}") => 403,
                    // A list's tag is compared with the state of the caller's own list.
                    ("if-match", value) if value != "*" && judged == Tag::List => 412,
                    ("if-none-match", "*") if judged == Tag::List => 304,
                    _ => row.status,
                };
                assert_eq!(answer.status, expected, "{name}: {}", answer.text);
                let etag = answer.headers.get("etag").map(|etag| etag.to_str().unwrap().to_owned());
                match expected {
                    403 | 404 | 422 => assert_eq!(etag, None, "{name}"),
                    304 | 412 => assert_eq!(etag, Some(his), "{name}"),
                    _ => assert!(etag.is_none_or(|etag| etag != task && etag != list), "{name}"),
                }
            }
        }
    }
    assert!(owner.is_unchanged().await);
}

#[on_both_databases]
async fn a_missing_task_is_404_under_every_condition(app: TestApp) {
    let anonymous = app.anonymous();
    let owner = Owner::new(&anonymous, "alice").await;
    let operations = operations(&app).await;
    let of_tasks: Vec<_> = operations.iter().filter(|operation| operation.path.contains("{id}")).collect();
    assert!(of_tasks.len() > 4);
    for operation in of_tasks {
        let row = row(&operation.id);
        for header in ["if-match", "if-none-match"] {
            for value in ["*", "\"1\"", "\"1\", \"2\"", "W/\"1\""] {
                let request = operation.request(&row, &owner.user, &json!(999_999), &[(header, value)]);
                let answer = Answer::expect(404, request).await;
                assert_eq!((answer.code().as_str(), answer.has("etag")), ("task_not_found", false), "{}", operation.id);
            }
        }
    }
    assert!(owner.is_unchanged().await);
}

#[on_both_databases]
async fn with_a_key_the_owner_writes_once_and_gets_the_same_answer_again(app: TestApp) {
    let anonymous = app.anonymous();
    for operation in operations(&app).await {
        let (name, row) = (&operation.id, row(&operation.id));
        let owner = Owner::new(&anonymous, name).await;
        let send = async |row: &Row, key: &str| {
            let request = operation.request(row, &owner.user, &owner.task["id"], &[("idempotency-key", key)]);
            Answer::to(request).await
        };
        let invalid = send(&row, "a b").await;
        if !row.takes_key {
            assert_eq!((invalid.status, invalid.has("idempotency-replayed")), (row.status, false), "{name}");
            continue;
        }
        assert_eq!((invalid.status, invalid.code().as_str()), (422, "invalid_header"), "{name}");
        assert!(owner.is_unchanged().await, "{name}");
        if ["restore_task", "empty_trash"].contains(&name.as_str()) {
            owner.user.delete(204, &format!("/api/tasks/{}", owner.task["id"])).await;
        }
        let first = send(&row, "key").await;
        assert_eq!((first.status, first.has("idempotency-replayed")), (row.status, false), "{name}: {}", first.text);
        assert!(!owner.is_unchanged().await, "{name}");
        let after = all(&owner.user).await;
        let again = send(&row, "\"key\"").await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{name}");
        assert_eq!(again.header("idempotency-replayed"), "true", "{name}");
        for header in ["etag", "location", "content-type"] {
            assert_eq!(again.headers.get(header), first.headers.get(header), "{name}");
        }
        let query = if row.query.is_empty() { "?other=1" } else { "?status=completed&other=1" };
        let other = send(&Row { query, ..row }, "key").await;
        assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"), "{name}");
        assert_eq!(all(&owner.user).await, after, "{name}");
    }
}

#[on_both_databases]
async fn the_key_of_one_user_is_nothing_to_another_or_without_a_token(app: TestApp) {
    let anonymous = app.anonymous();
    for operation in operations(&app).await {
        let (name, row) = (&operation.id, row(&operation.id));
        let owner = Owner::new(&anonymous, &format!("{name}-owner")).await;
        let bob = anonymous.signed_in_as(&format!("{name}-bob"));
        if !name.starts_with("list_changes") {
            bob.create("his").await;
        }
        let send = async |user: &User| {
            let request = operation.request(&row, user, &owner.task["id"], &[("idempotency-key", "key")]);
            Answer::to(request).await
        };
        assert_eq!(send(&owner.user).await.status, row.status, "{name}");
        assert_eq!(send(&anonymous).await.status, 401, "{name}");
        let his = send(&bob).await;
        assert!(!his.has("idempotency-replayed"), "{name}");
        assert!(!his.text.contains("pending") || !operation.path.contains("{id}"), "{name}: {}", his.text);
        if operation.path.contains("{id}") {
            assert!([403, 404].contains(&his.status), "{name}: {}", his.text);
        }
    }
}
