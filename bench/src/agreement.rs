//! Checks a server before it is measured: each operation once, with a full check of the answer.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::server::Server;
use crate::setting::Setting;

/// Checks the operations of the contract. Panics if an answer differs.
pub(crate) async fn check(name: &str, server: &Server, setting: &Setting<'_>) {
    let (client, tokens) = (Client::new(), setting.tokens);
    let ask = async |method: Method, path: &str, token: &str, body: Option<Value>, status: u16| {
        let url = format!("http://127.0.0.1:{}{path}", server.port);
        let mut request = client.request(method.clone(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{name}: {method} {path}");
        answer
    };

    let new = json!({"title": "Buy milk", "description": "Two litres"});
    let answer = ask(Method::POST, "/api/tasks", &tokens.deleter, Some(new), 201).await;
    let location = answer.headers()["location"].to_str().expect("a path").to_owned();
    let created = task(answer).await;
    assert_eq!(location, format!("/api/tasks/{}", created["id"]), "{name}");
    assert_eq!((&created["title"], &created["description"]), (&json!("Buy milk"), &json!("Two litres")), "{name}");

    let got = task(ask(Method::GET, &location, &tokens.deleter, None, 200).await).await;
    assert_eq!(got, created, "{name}");
    let put = json!({"title": "Buy bread", "description": null});
    let changed = task(ask(Method::PUT, &location, &tokens.deleter, Some(put), 200).await).await;
    assert_eq!((&changed["title"], &changed["description"]), (&json!("Buy bread"), &Value::Null), "{name}");
    let later = |this: &Value, that: &Value| this["updated_at"].as_str() > that["updated_at"].as_str();
    assert!(later(&changed, &created), "{name}: {changed}");
    let toggled = task(ask(Method::PATCH, &format!("{location}/complete"), &tokens.deleter, None, 200).await).await;
    assert_eq!(toggled["completed"], json!(true), "{name}");
    assert!(later(&toggled, &changed), "{name}: {toggled}");

    ask(Method::GET, &location, "no token", None, 401).await;
    ask(Method::GET, &location, &tokens.readers[0], None, 403).await;
    ask(Method::POST, "/api/tasks", &tokens.deleter, Some(json!({"title": " "})), 422).await;
    ask(Method::DELETE, &location, &tokens.deleter, None, 204).await;
    ask(Method::GET, &location, &tokens.deleter, None, 404).await;

    let list = ask(Method::GET, "/api/tasks", &tokens.readers[1], None, 200).await;
    let list: Vec<Value> = list.json().await.expect("an array");
    assert_eq!(u32::try_from(list.len()), Ok(setting.population.tasks), "{name}: tasks in a list");
    let id_of = |task: &Value| task["id"].as_i64().expect("an id");
    assert!(list.is_sorted_by_key(|task| -id_of(task)), "{name}: newest first");
    // The first task of the second reader; load.lua computes it in the same way.
    assert_eq!(list.last().map(id_of), Some(1 + i64::from(setting.population.user_step())), "{name}: ids");
}

/// Reads a task and checks the fields that every version of the server has.
async fn task(answer: Response) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/json");
    let task: Value = answer.json().await.expect("JSON");
    for time in ["created_at", "updated_at"] {
        let text = task[time].as_str().expect("a time");
        assert!(text.len() == 27 && text.ends_with('Z') && text.as_bytes()[19] == b'.', "{text}");
    }
    assert!(task["id"].is_i64() && task["completed"].is_boolean(), "{task}");
    task
}
