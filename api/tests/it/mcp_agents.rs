//! Many agents, and agents that send nonsense.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::TestApp;
use crate::support::agent::{Agent, Reply, Revision};

#[on_both_databases]
async fn no_call_of_64_agents_at_once_sees_the_tasks_of_another_user(app: TestApp) {
    let agents = (0..64).map(|number| {
        let user = format!("user-{}", number % 8);
        let agent = Agent::new(app.user(&user), Revision::BOTH[number / 8 % 2]);
        async move {
            for round in 0..3 {
                let title = format!("{user} {number} {round}");
                let id = agent.does("add_task", json!({ "title": title })).await["task_id"].clone();
                let found = agent.does("get_task", json!({ "task_id": id })).await;
                assert_eq!(found["task"]["title"], title);
                let list = agent.does("list_tasks", json!({ "limit": 100 })).await;
                for task in list["tasks"].as_array().unwrap() {
                    assert!(task["title"].as_str().unwrap().starts_with(&format!("{user} ")), "{user} sees {task}");
                }
            }
        }
    });
    join_all(agents).await;
    for number in 0..8 {
        assert_eq!(app.user(&format!("user-{number}")).titles("/api/tasks").await.len(), 8 * 3);
    }
}

/// Returns values that look like parts of messages of the protocol.
fn any_part() -> impl Strategy<Value = Value> {
    let words = [
        "tools/call",
        "tools/list",
        "initialize",
        "ping",
        "server/discover",
        "add_task",
        "get_task",
        "2.0",
        "2026-07-28",
        "\0",
        "",
        "notifications/initialized",
        "resources/read",
        "logging/setLevel",
        "completion/complete",
        "prompts/get",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "jsonrpc",
        "id",
        "method",
        "params",
        "name",
        "arguments",
        "_meta",
        "title",
        "result",
        "error",
    ]);
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

/// Returns a body: a message with random parts, or any text.
fn any_body() -> impl Strategy<Value = String> {
    let methods = prop::sample::select(vec![
        "tools/call",
        "tools/list",
        "initialize",
        "ping",
        "server/discover",
        "subscriptions/listen",
        "tasks/get",
        "other",
        "notifications/cancelled",
        "resources/list",
        "sampling/createMessage",
    ]);
    let message = (methods, any_part(), any_part(), any::<bool>()).prop_map(|(method, id, params, is_notification)| {
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if !is_notification {
            message["id"] = id;
        }
        message.to_string()
    });
    let tools = prop::sample::select(vec![
        "add_task",
        "list_tasks",
        "get_task",
        "update_task",
        "delete_task",
        "task_summary",
        "x",
    ]);
    let call = (tools, any_part(), 0..9_i64).prop_map(|(name, arguments, id)| {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name, "arguments": arguments } }).to_string()
    });
    prop_oneof![message, call, any_part().prop_map(|part| part.to_string()), ".{0,40}"]
}

#[on_both_databases]
async fn no_random_body_causes_a_500_and_every_answer_is_json(app: TestApp) {
    let (bodies, mut runner) = (any_body(), TestRunner::deterministic());
    let bodies: Vec<String> = (0..2000).map(|_| bodies.new_tree(&mut runner).unwrap().current()).collect();
    let agents = Revision::BOTH.map(|revision| Agent::new(app.user("alice"), revision));
    let mut statuses = BTreeSet::new();
    for (number, bodies) in bodies.chunks(20).enumerate() {
        let replies = bodies.iter().map(|body| Reply::to(agents[number % 2].raw(body.clone())));
        for (reply, body) in join_all(replies).await.into_iter().zip(bodies) {
            assert!(reply.status < 500, "{body}: {} {}", reply.status, reply.text);
            statuses.insert(reply.status);
        }
    }
    assert!(statuses.contains(&200) && statuses.contains(&202) && statuses.contains(&400), "{statuses:?}");
    // The server still works.
    agents[0].does("task_summary", json!({})).await;
}
