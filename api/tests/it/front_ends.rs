//! What public front ends send in forms of their own, and what they expect. `api::compat` rewrites it.

mod recurrence;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testing::{TestDatabase, on_both_databases};

use crate::support::{Answer, TestApp, User};

/// A request of a front end. `{id}` in its path is a task that is not completed.
struct Habit {
    /// How many of the public repositories or clients have it, if they were counted.
    count: &'static str,
    method: String,
    path: String,
    body: Value,
    /// The status, and the titles of a list or some fields of an object.
    expects: (u16, Value),
    /// What a strict answer names; empty if strict handling changes nothing.
    refused: &'static str,
}

/// The habits, in the order of the table in `docs/front-ends.md`.
fn habits() -> Vec<Habit> {
    [
        texts_of_tags(),
        times_without_offset(),
        recurrence::rules(),
        recurrence::reminders(),
        orders(),
        positions(),
        words(),
        names_of_completed(),
        paths_and_errors(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn texts_of_tags() -> Vec<Habit> {
    let tags = |line, body, expects| habit("3 of 48", line, body, expects, "tags");
    vec![
        tags("POST /api/tasks", json!({"title": "t", "tags": ""}), (201, json!({"tags": []}))),
        tags("POST /api/tasks", json!({"title": "t", "tags": "home, work"}), (201, json!({"tags": ["home", "work"]}))),
        tags("PUT /api/tasks/{id}", json!({"tags": " a,,A ,b, "}), (200, json!({"tags": ["a", "b"]}))),
    ]
}

fn times_without_offset() -> Vec<Habit> {
    let due = |line, body, expects| habit("6 of 48", line, body, expects, "Due date");
    let filter = |query, titles: &[&str], name| list("6 of 48", query, titles, name);
    let kept = |text: &str| json!({"due_date": text});
    vec![
        due("POST /api/tasks", json!({"title": "t", "due_date": "2030-01-31T10:00"}), (201, kept("2030-01-31T10:00"))),
        due("PUT /api/tasks/{id}", kept("2030-01-31T10:00:30"), (200, kept("2030-01-31T10:00:30"))),
        habit("6 of 48", "PUT /api/tasks/{id}", kept(""), (200, json!({"due_date": null})), ""),
        filter("?due_before=2030-01-02T10:00", &["B"], "due_before"),
        filter("?due_after=2030-01-02T10:00", &["A"], "due_after"),
    ]
}

fn orders() -> Vec<Habit> {
    let order = |query, titles: &[&str], refused| list("8 of 48", query, titles, refused);
    vec![
        order("?sort_by=priority&sort_order=desc", &["B", "C", "A"], "sort_order"),
        order("?sort_by=title&sortOrder=ASC", &["A", "B", "C"], "sortOrder"),
        order("?sortBy=createdAt&sortOrder=asc", &["A", "B", "C"], "sortBy, sortOrder"),
        order("?sort_by=dueDate&order=asc", &["B", "A", "C"], "sort_by"),
        order("?sort_by=updatedAt&order=desc", &["C", "B", "A"], "sort_by"),
        order("?sort_by=created&order=asc", &["A", "B", "C"], "sort_by"),
        order("?sort_by=updated&order=asc", &["A", "B", "C"], "sort_by"),
        order("?sort_by=position&order=asc", &["C", "B", "A"], "sort_by"),
        order("?sort_order=newest", &["C", "B", "A"], "sort_order"),
    ]
}

fn positions() -> Vec<Habit> {
    let page = |query, titles: &[&str], refused| list("not counted", query, titles, refused);
    vec![
        page("?page=1&limit=2", &["C", "B"], "page"),
        page("?page=2&limit=2", &["A"], "page"),
        page("?page=3&limit=2", &[], "page"),
        page("?page=2&per_page=2", &["A"], "page, per_page"),
        page("?page=2&page_size=1", &["B"], "page, page_size"),
        page("?skip=1&limit=1", &["B"], "skip"),
        page("?offset=2&limit=2", &["A"], "offset"),
        page("?page=0&limit=2", &["C", "B"], "page"),
        page("?page=first&limit=2", &["C", "B"], "page"),
        page("?offset=-1&limit=2", &["C", "B"], "offset"),
        page("?page=2", &["C", "B", "A"], "page"),
        page("?skip=1", &["C", "B", "A"], "skip"),
        page("?per_page=1", &["C", "B", "A"], "per_page"),
    ]
}

fn words() -> Vec<Habit> {
    let status = |query, titles: &[&str]| list("not counted", query, titles, "status");
    let filter = |query, titles: &[&str]| list("not counted", query, titles, "priority");
    let priority = |line, body, expects| habit("not counted", line, body, expects, "priority");
    vec![
        status("?status=done", &["C"]),
        status("?status=Completed", &["C"]),
        status("?status=active", &["B", "A"]),
        status("?status=todo", &["B", "A"]),
        status("?status=incomplete", &["B", "A"]),
        status("?status=in_progress", &["B", "A"]),
        status("?status=PENDING", &["B", "A"]),
        status("?status=ALL", &["C", "B", "A"]),
        filter("?priority=HIGH", &["B"]),
        filter("?priority=urgent%2CLow", &["B", "A"]),
        filter("?priority=normal", &["C"]),
        priority("POST /api/tasks", json!({"title": "t", "priority": "High"}), (201, json!({"priority": "high"}))),
        priority("POST /api/tasks", json!({"title": "t", "priority": "normal"}), (201, json!({"priority": "medium"}))),
        priority("PATCH /api/tasks/{id}", json!({"priority": "URGENT"}), (200, json!({"priority": "high"}))),
        priority("PUT /api/tasks/{id}", json!({"priority": "critical"}), (200, json!({"priority": "high"}))),
        priority("PUT /api/tasks/{id}", json!({"priority": "very"}), (422, json!({"code": "invalid_field"}))),
        habit(
            "not counted",
            "GET /api/tasks?status=archived",
            Value::Null,
            (422, json!({"code": "invalid_parameter"})),
            "status",
        ),
    ]
}

fn names_of_completed() -> Vec<Habit> {
    const PUT: &str = "PUT /api/tasks/{id}";
    const PATCH: &str = "PATCH /api/tasks/{id}";
    let names = |line, body, expected, refused| habit("7 of 29", line, body, (200, expected), refused);
    vec![
        names(
            PUT,
            json!({"title": "t", "is_completed": true}),
            json!({"title": "t", "completed": true}),
            "is_completed",
        ),
        names(PATCH, json!({"is_complete": true}), json!({"completed": true}), "is_complete"),
        names(PUT, json!({"done": true}), json!({"completed": true}), "done"),
        names(PATCH, json!({"status": "completed"}), json!({"completed": true}), "status"),
        names(PUT, json!({"status": "Done"}), json!({"completed": true}), "status"),
        names(PUT, json!({"status": "in_progress"}), json!({"completed": false}), "status"),
        names(PUT, json!({"status": "all"}), json!({"completed": false}), "status"),
        names(PUT, json!({"done": "yes"}), json!({"completed": false}), "done"),
        names(PUT, json!({"completed": false, "done": true}), json!({"completed": false}), "done"),
        // It flips, because clients send the whole task.
        names(
            "PATCH /api/tasks/{id}/complete",
            json!({"title": "A", "is_completed": false, "status": "pending"}),
            json!({"completed": true}),
            "title, is_completed, status",
        ),
        habit(
            "7 of 29",
            "POST /api/tasks",
            json!({"title": "t", "is_completed": true, "status": "done"}),
            (201, json!({"completed": false})),
            "is_completed, status",
        ),
    ]
}

fn paths_and_errors() -> Vec<Habit> {
    let probe = |line| habit("not counted", line, Value::Null, (404, json!({"code": "route_not_found"})), "");
    let message = |line, body, status, message| habit("5 of 30", line, body, (status, json!({"message": message})), "");
    vec![
        probe("GET /api/tasks/search?q=milk"),
        probe("GET /api/tasks/stats"),
        message("POST /api/tasks", json!({"title": " "}), 422, "title must not be blank"),
        message("GET /api/tasks/999999", Value::Null, 404, "Task not found"),
    ]
}

fn habit(count: &'static str, line: &str, body: Value, expects: (u16, Value), refused: &'static str) -> Habit {
    let (method, path) = line.split_once(' ').unwrap();
    Habit { count, method: method.to_owned(), path: path.to_owned(), body, expects, refused }
}

fn list(count: &'static str, query: &str, titles: &[&str], refused: &'static str) -> Habit {
    habit(count, &format!("GET /api/tasks{query}"), Value::Null, (200, json!(titles)), refused)
}

/// Creates three tasks: `A`, `B` and the completed `C`, from the oldest to the newest. Returns the path of `A`.
async fn fill(user: &User) -> String {
    let task =
        |title: &str, priority: &str, due: Option<&str>| json!({"title": title, "priority": priority, "due_date": due});
    let first = user.post(201, "/api/tasks", task("A", "low", Some("2030-01-03"))).await.header("location").to_owned();
    user.post(201, "/api/tasks", task("B", "high", Some("2030-01-01"))).await;
    let last = user.post(201, "/api/tasks", task("C", "medium", None)).await.header("location").to_owned();
    user.toggle(200, &last).await;
    first
}

impl Habit {
    fn request(&self, user: &User, task: &str) -> RequestBuilder {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let request = user.request(method, &self.path.replace("/api/tasks/{id}", task));
        if self.body.is_null() { request } else { request.json(&self.body) }
    }

    /// Names the habit in a failure.
    fn name(&self) -> String {
        format!("{} {} {} ({})", self.method, self.path, self.body, self.count)
    }
}

/// Returns the titles of a list, or the fields of an object that are expected.
fn shown(answer: &Value, expected: &Value) -> Value {
    match (answer, expected) {
        (Value::Array(tasks), _) => tasks.iter().map(|task| task["title"].clone()).collect(),
        (answer, Value::Object(fields)) => fields.keys().map(|name| (name.clone(), answer[name].clone())).collect(),
        (answer, _) => answer.clone(),
    }
}

#[on_both_databases]
async fn each_habit_of_front_ends_has_the_effect_that_they_expect(app: TestApp) {
    for (number, habit) in habits().into_iter().enumerate() {
        let user = app.user(&format!("user-{number}"));
        let task = fill(&user).await;
        let (status, expected) = &habit.expects;
        let answer = Answer::to(habit.request(&user, &task)).await;
        assert_eq!((answer.status, &shown(&answer.json(), expected)), (*status, expected), "{}", habit.name());
    }
}

#[on_both_databases]
async fn with_strict_handling_each_habit_is_refused_and_named(app: TestApp) {
    for (number, habit) in habits().into_iter().enumerate() {
        let user = app.user(&format!("user-{number}"));
        let task = fill(&user).await;
        let before = user.get(200, "/api/tasks").await.json();
        let answer = Answer::to(habit.request(&user, &task).header("prefer", "handling=strict")).await;
        let status = if habit.refused.is_empty() { habit.expects.0 } else { 422 };
        assert_eq!(answer.status, status, "{}", habit.name());
        if status < 400 {
            continue;
        }
        assert!(answer.detail().contains(habit.refused), "{}: {}", habit.name(), answer.detail());
        assert_eq!(user.get(200, "/api/tasks").await.json(), before, "{}", habit.name());
    }
}

#[on_both_databases]
async fn a_page_by_number_links_to_the_next_one_by_cursor(app: TestApp) {
    let alice = app.user("alice");
    for number in 1..=7 {
        alice.create(&number.to_string()).await;
    }
    for (query, others) in [
        ("page=2&limit=2&sort_order=asc", "limit=2&sort_order=asc"),
        ("sort_order=asc&page=2&per_page=2", "sort_order=asc&limit=2"),
        ("limit=2&order=asc&skip=2", "limit=2&order=asc"),
    ] {
        let page = alice.get(200, &format!("/api/tasks?{query}")).await;
        let link = page.header("link").to_owned();
        let (address, rest) = link.trim_start_matches('<').split_once('>').unwrap();
        assert_eq!(rest, r#"; rel="next""#);
        assert!(address.starts_with(&format!("/api/tasks?{others}&cursor=")), "{address}");
        assert_eq!(alice.titles(&format!("/api/tasks?{query}")).await, ["3", "4"]);
        assert_eq!(alice.titles(address).await, ["5", "6"]);
        // The position of a cursor takes precedence.
        assert_eq!(alice.titles(&format!("{address}&page=1&offset=1")).await, ["5", "6"]);
    }
    assert!(!alice.get(200, "/api/tasks?page=4&limit=2").await.has("link"));
}

#[on_both_databases]
async fn the_total_of_a_page_by_number_is_that_of_the_whole_list(app: TestApp) {
    let alice = app.user("alice");
    fill(&alice).await;
    for query in ["page=1&limit=2", "page=2&limit=2", "offset=3&limit=2"] {
        let request = alice.request(Method::GET, &format!("/api/tasks?{query}")).header("prefer", "count=exact");
        assert_eq!(Answer::expect(200, request).await.header("x-total-count"), "3", "{query}");
    }
}

#[on_both_databases]
async fn a_page_by_number_begins_within_the_first_10_000_tasks(app: TestApp) {
    let alice = app.user("alice");
    alice.get(200, "/api/tasks?page=11&limit=1000").await;
    alice.get(200, "/api/tasks?offset=10000&limit=1").await;
    for (query, name) in [
        ("page=12&limit=1000", "page"),
        ("page=99999999999999999999&limit=1", "page"),
        ("offset=10001&limit=1", "offset"),
        ("skip=10001&limit=1", "offset"),
    ] {
        let answer = alice.get(422, &format!("/api/tasks?{query}")).await;
        assert_eq!(answer.code(), "invalid_parameter", "{query}");
        let expected =
            format!("{name} must not skip more than 10000 tasks: use the cursor from the Link of a page instead");
        assert_eq!(answer.detail(), expected, "{query}");
    }
}

#[on_both_databases]
async fn a_word_in_the_place_of_an_id_is_an_unknown_path(app: TestApp) {
    let (alice, anonymous) = (app.user("alice"), app.anonymous());
    alice.create("t").await;
    for word in ["search", "stats", "tags", "tasks", "Summary", "complete-all-of-them", "a1_-", "undefined"] {
        for below in ["", "/", "/complete", "/complete/", "/5", "/a/b/c"] {
            for start in ["/api/tasks", "/api/alice/tasks"] {
                let path = format!("{start}/{word}{below}");
                for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
                    // It is judged before the token.
                    for user in [&alice, &anonymous] {
                        let answer = Answer::to(user.request(method.clone(), &path)).await;
                        assert_eq!(
                            (answer.status, answer.code().as_str()),
                            (404, "route_not_found"),
                            "{method} {path}"
                        );
                    }
                }
            }
        }
    }
    for path in ["/api/tasks/summary", "/api/tasks/summary/", "/api/alice/tasks/summary", "/api/alice/tasks/summary/"] {
        alice.get(200, path).await;
    }
    for no_word in ["1a", "a.b", "%C3%A4", "-a", "_a", "a%20b"] {
        for start in ["/api/tasks", "/api/alice/tasks"] {
            alice.get(422, &format!("{start}/{no_word}")).await;
            Answer::expect(422, alice.request(Method::PATCH, &format!("{start}/{no_word}/complete"))).await;
        }
    }
    for no_task in ["0", "-5"] {
        assert_eq!(alice.get(404, &format!("/api/tasks/{no_task}")).await.code(), "task_not_found");
    }
}

#[on_both_databases]
async fn the_parts_of_a_text_of_tags_follow_the_rules_of_tags(app: TestApp) {
    let alice = app.user("alice");
    let post = |status, tags: String| alice.post(status, "/api/tasks", json!({"title": "t", "tags": tags}));
    assert_eq!(post(201, "Work, work,WORK".to_owned()).await.json()["tags"], json!(["Work"]));
    let many: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(post(201, many.join(",")).await.json()["tags"], json!(many));
    for tags in [many.join(",") + ",20", "x".repeat(51), "a\nb".to_owned(), "a,".repeat(100) + "\u{0}"] {
        let answer = post(422, tags).await;
        assert!(answer.detail().starts_with("tags"), "{}", answer.detail());
    }
}

#[on_both_databases]
async fn a_rewritten_body_is_judged_like_the_body_that_was_sent(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let put = |body: String| alice.request(Method::PUT, &path).body(body);
    let ignored = format!(r#"{{"done":true,"x":{deep},"priority":"Urgent"}}"#);
    let task = Answer::expect(200, put(ignored)).await.json();
    assert_eq!((&task["completed"], &task["priority"]), (&json!(true), &json!("high")));
    for (body, detail) in [
        (r#"{"done":true,"title":"a","title":"b"}"#, "title"),
        (r#"{"tags":"a","tags":"b"}"#, "tags"),
        (r#"{"done":true,"completed":null}"#, "completed must be a boolean"),
        (r#"{"status":"done","title":""}"#, "title must not be"),
        (r#"{"status":"done","#, "The body is not valid JSON"),
    ] {
        let answer = Answer::expect(422, put(body.to_owned())).await;
        assert!(answer.detail().starts_with(detail) || answer.detail().contains(detail), "{body}: {}", answer.detail());
    }
    assert_eq!(alice.get(200, &path).await.json(), task);
}

#[on_both_databases]
async fn without_the_setting_answers_have_no_other_name_for_completed(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let names: Vec<_> = alice.get(200, &path).await.json().as_object().unwrap().keys().cloned().collect();
    let expected = [
        "id",
        "title",
        "description",
        "completed",
        "created_at",
        "updated_at",
        "priority",
        "tags",
        "due_date",
        "completed_at",
        "version",
    ];
    assert_eq!(names, expected);
}

#[on_both_databases]
async fn with_the_setting_every_task_of_an_answer_has_the_other_names(database: TestDatabase) {
    let app = TestApp::with(database, &[("TASK_ALIASES", "is_completed,status")]).await;
    let alice = app.user("alice");
    let check = |task: &Value| {
        let completed = task["completed"].as_bool().unwrap();
        assert_eq!(task["is_completed"], completed, "{task}");
        assert_eq!(task["status"], if completed { "completed" } else { "pending" }, "{task}");
        assert!(task.get("is_complete").is_none() && task.get("done").is_none(), "{task}");
    };
    let created = alice.post(201, "/api/tasks", json!({"title": "t"})).await;
    let path = created.header("location").to_owned();
    check(&created.json());
    check(&alice.toggle(200, &path).await.json());
    check(&alice.get(200, &path).await.json());
    check(&alice.put(200, &path, json!({"title": "u"})).await.json());
    check(&alice.patch(200, &path, json!({"title": "v"})).await.json());
    // A list of more tasks than fit into one part is streamed.
    for _ in 0..300 {
        alice.create("more").await;
    }
    for list in ["/api/tasks", "/api/tasks?limit=1000", "/api/tasks?sort=title,priority"] {
        let tasks = alice.get(200, list).await.json();
        assert_eq!(tasks.as_array().unwrap().len(), 301);
        tasks.as_array().unwrap().iter().for_each(check);
    }
    let export = alice.get(200, "/api/me/export").await.json();
    assert_eq!(export["tasks"].as_array().unwrap().len(), 301);
    export["tasks"].as_array().unwrap().iter().for_each(check);
    let request = alice.request(Method::DELETE, &path).header("prefer", "return=representation");
    check(&Answer::expect(200, request).await.json());
}

#[on_both_databases]
async fn a_name_of_the_setting_takes_precedence_over_completed(database: TestDatabase) {
    let app = TestApp::with(database, &[("TASK_ALIASES", "is_completed,status")]).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    // A client sends the whole task back with one value changed.
    for (name, value, completed) in [
        ("is_completed", json!(true), true),
        ("status", json!("pending"), false),
        ("status", json!("done"), true),
        ("status", json!("archived"), true),
        ("is_completed", json!("no"), true),
        ("is_completed", json!(false), false),
        // These names are not in the setting.
        ("done", json!(true), false),
        ("is_complete", json!(true), false),
    ] {
        let mut task = alice.get(200, &path).await.json();
        task[name] = value;
        assert_eq!(alice.put(200, &path, task.clone()).await.json()["completed"], completed, "{task}");
    }
    assert_eq!(alice.patch(200, &path, json!({"done": true})).await.json()["completed"], true);
    assert_eq!(alice.patch(200, &path, json!({"completed": false})).await.json()["completed"], false);
}
