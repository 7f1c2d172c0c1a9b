//! The tools of agents at `/mcp`.

use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::TestApp;
use crate::support::agent::{Agent, Reply, Revision};

/// The tools, in their order.
pub(crate) const TOOLS: [&str; 8] = [
    "add_task",
    "list_tasks",
    "get_task",
    "complete_task",
    "update_task",
    "delete_task",
    "restore_task",
    "task_summary",
];

/// Returns arguments with which the owner of a task calls a tool. A tool without them fails the tests.
pub(crate) fn arguments(tool: &str, id: i64) -> Value {
    match tool {
        "add_task" => json!({ "title": "new" }),
        "list_tasks" | "task_summary" => json!({}),
        "get_task" | "complete_task" | "delete_task" | "restore_task" => json!({ "task_id": id }),
        "update_task" => json!({ "task_id": id, "title": "changed" }),
        unknown => panic!("the table has no row for the tool {unknown}"),
    }
}

async fn listed(agent: &Agent) -> Vec<String> {
    let tools = agent.result("tools/list", json!({})).await["tools"].as_array().unwrap().clone();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[on_both_databases]
async fn an_agent_of_each_revision_works_on_the_tasks_of_its_user_with_every_tool(app: TestApp) {
    for revision in Revision::BOTH {
        let user = app.user(revision.name());
        let agent = Agent::new(user.clone(), revision);
        let list = Reply::to(agent.request("tools/list", json!({}))).await;
        assert!(list.text.len() < 8 * 1024, "each conversation pays for {} bytes", list.text.len());
        assert_eq!(listed(&agent).await, TOOLS);
        let new = json!({
            "title": "Buy milk", "description": "Two litres", "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01"
        });
        let added = agent.does("add_task", new).await;
        let id = added["task_id"].as_i64().unwrap();
        assert_eq!((&added["status"], &added["title"]), (&json!("created"), &json!("Buy milk")));
        let path = format!("/api/tasks/{id}");
        assert_eq!(user.get(200, &path).await.json(), added["task"]);
        assert_eq!(agent.does("get_task", json!({ "task_id": id })).await, json!({ "task": added["task"] }));

        let completed = agent.does("complete_task", json!({ "task_id": id })).await;
        assert_eq!((&completed["status"], &completed["task"]["completed"]), (&json!("completed"), &json!(true)));
        let again = agent.does("complete_task", json!({ "task_id": id })).await;
        assert_eq!(again["task"]["completed"], true, "it sets the value, and never flips it");
        let reopened = agent.does("complete_task", json!({ "task_id": id, "completed": false })).await;
        assert_eq!((&reopened["status"], &reopened["task"]["completed"]), (&json!("pending"), &json!(false)));

        let version = reopened["task"]["version"].clone();
        let change = json!({ "task_id": id, "version": version, "title": "Buy oat milk", "description": null });
        let updated = agent.does("update_task", change.clone()).await;
        assert_eq!(updated["status"], "updated");
        let task = &updated["task"];
        assert_eq!(
            (&task["title"], &task["description"], &task["priority"]),
            (&json!("Buy oat milk"), &Value::Null, &json!("high"))
        );
        let stale = agent.refused("update_task", change).await;
        assert!(
            stale.starts_with("The task was changed since that version, so nothing was written. It is now: {"),
            "{stale}"
        );

        let deleted = agent.call("delete_task", json!({ "task_id": id })).await;
        assert_eq!(
            deleted["structuredContent"],
            json!({ "task_id": id, "status": "deleted", "title": "Buy oat milk" })
        );
        assert!(deleted["content"][1]["text"].as_str().unwrap().contains("restore_task"), "{deleted}");
        assert_eq!(agent.refused("delete_task", json!({ "task_id": id })).await, "Task not found");
        user.get(404, &path).await;
        let restored = agent.does("restore_task", json!({ "task_id": id })).await;
        assert_eq!((&restored["status"], &restored["task"]["id"]), (&json!("restored"), &json!(id)));
        let summary = agent.does("task_summary", json!({ "tz": "Europe/Berlin" })).await;
        assert_eq!(summary, user.get(200, "/api/tasks/summary?tz=Europe/Berlin").await.json());
    }
}

#[on_both_databases]
async fn a_list_selects_and_sorts_as_that_of_the_api_and_says_how_to_go_on(app: TestApp) {
    let (user, agent) = (app.user("alice"), Agent::new(app.user("alice"), Revision::Newest));
    for (title, priority, tags) in [
        ("a", "low", json!(["x"])),
        ("b", "high", json!(["x", "y"])),
        ("c", "high", json!([])),
        ("d", "none", json!(["Y"])),
    ] {
        user.post(201, "/api/tasks", json!({ "title": title, "priority": priority, "tags": tags })).await;
    }
    for (arguments, query) in [
        (json!({}), ""),
        (json!({ "status": "pending", "sort": "-priority, title" }), "status=pending&sort=-priority,title"),
        (json!({ "priority": "high,low" }), "priority=high,low"),
        (json!({ "tags": ["x", "Y"] }), "tag=x&tag=Y"),
        (json!({ "search": "B" }), "search=B"),
        (json!({ "due": "none", "tz": "Asia/Tokyo", "limit": 100, "cursor": null }), "due=none&tz=Asia/Tokyo"),
    ] {
        let list = agent.does("list_tasks", arguments.clone()).await;
        let expected = user.get(200, &format!("/api/tasks?{query}")).await.json();
        let total = expected.as_array().unwrap().len();
        assert_eq!(list, json!({ "tasks": expected, "next_cursor": null, "total": total }), "{arguments}");
    }

    let (mut cursor, mut titles) = (Value::Null, Vec::new());
    for (page, shown) in [3, 1].into_iter().enumerate() {
        let result = agent.call("list_tasks", json!({ "limit": 3, "sort": "title", "cursor": cursor })).await;
        let list = &result["structuredContent"];
        titles.extend(list["tasks"].as_array().unwrap().iter().map(|task| task["title"].clone()));
        assert_eq!((list["tasks"].as_array().unwrap().len(), &list["total"]), (shown, &json!(4)));
        let note = result["content"].get(1).map(|note| note["text"].as_str().unwrap());
        let more = "These are 3 of 4 tasks. For the next ones, call list_tasks with the same arguments and next_cursor as cursor.";
        assert_eq!(note, (page == 0).then_some(more));
        cursor = list["next_cursor"].clone();
    }
    assert_eq!((titles, cursor.is_null()), (vec![json!("a"), json!("b"), json!("c"), json!("d")], true));
    for number in 0..50 {
        user.create(&format!("more {number}")).await;
    }
    assert_eq!(agent.does("list_tasks", json!({})).await["tasks"].as_array().unwrap().len(), 50);
}

#[on_both_databases]
async fn a_mistake_in_the_arguments_is_an_error_with_a_sentence_for_each(app: TestApp) {
    let agent = Agent::new(app.user("alice"), Revision::Newest);
    for (tool, arguments, sentence) in [
        ("add_task", json!({}), "title is required"),
        ("add_task", json!({ "title": " " }), "title must not be blank"),
        ("add_task", json!({ "title": "x".repeat(201) }), "title must be at most 200 characters long"),
        ("add_task", json!({ "title": "t", "user_id": "bob" }), "Unknown arguments: user_id"),
        ("add_task", json!({ "title": 5, "due_date": "soon" }), "title must be a string; Due date "),
        ("list_tasks", json!({ "limit": 101 }), "limit must be an integer from 1 to 100"),
        ("list_tasks", json!({ "limit": "5" }), "limit must be an integer from 1 to 100"),
        ("list_tasks", json!({ "status": "open" }), "status must be one of `all`, `pending`, `completed`"),
        ("list_tasks", json!({ "status": 5 }), "status must be a string"),
        ("list_tasks", json!({ "sort": "colour" }), "sort must be one of `created_at`"),
        ("list_tasks", json!({ "tz": "Mars" }), "tz "),
        ("list_tasks", json!({ "tags": [" "] }), "tags "),
        ("list_tasks", json!({ "cursor": "x" }), "cursor is not one of this list's: start again without it"),
        ("get_task", json!({}), "task_id is required"),
        ("get_task", json!({ "task_id": "1" }), "task_id must be an integer"),
        ("get_task", json!({ "task_id": 1.5 }), "task_id must be an integer"),
        ("get_task", json!({ "task_id": 1e300 }), "task_id must be an integer"),
        ("complete_task", json!({ "task_id": 1, "completed": "yes" }), "completed must be a boolean"),
        ("update_task", json!({ "title": "t" }), "task_id is required"),
        ("update_task", json!({ "task_id": 1, "version": "x" }), "version must be an integer"),
        ("update_task", json!({ "task_id": 1, "title": null }), "title must be a string"),
        ("update_task", json!({ "task_id": 1, "is_completed": true }), "Unknown arguments: is_completed"),
        ("task_summary", json!({ "tz": 1 }), "tz must be a string"),
        ("get_task", json!({ "task_id": 999_999 }), "Task not found"),
    ] {
        let refused = agent.refused(tool, arguments.clone()).await;
        assert!(refused.starts_with(sentence), "{tool} {arguments}: {refused}");
    }
}

#[on_both_databases]
async fn every_tool_refuses_a_stranger_and_a_request_without_a_token(app: TestApp) {
    let owner = app.user("alice");
    let path = owner.create("hers").await;
    let id = path.rsplit_once('/').unwrap().1.parse().unwrap();
    let before = owner.get(200, &path).await.json();
    for revision in Revision::BOTH {
        let (stranger, anonymous) = (Agent::new(app.user("bob"), revision), Agent::new(app.anonymous(), revision));
        for tool in listed(&stranger).await {
            let call = json!({ "name": tool, "arguments": arguments(&tool, id) });
            Reply::refused_before(anonymous.request("tools/call", call), 401, "token_missing").await;
            match tool.as_str() {
                // They name no task, and see or make only those of their caller.
                "add_task" => assert_ne!(stranger.does("add_task", arguments(&tool, id)).await["task_id"], id),
                "list_tasks" => assert!(!stranger.does("list_tasks", json!({})).await.to_string().contains("hers")),
                "task_summary" => assert_eq!(stranger.does("task_summary", json!({})).await["completed"], 0),
                // The trash reveals nothing about tasks of others.
                "restore_task" => assert_eq!(stranger.refused(&tool, arguments(&tool, id)).await, "Task not found"),
                _ => assert_eq!(
                    stranger.refused(&tool, arguments(&tool, id)).await,
                    "You do not own this task",
                    "{tool}"
                ),
            }
        }
        Reply::refused_before(anonymous.request("tools/list", json!({})), 401, "token_missing").await;
    }
    assert_eq!(owner.get(200, &path).await.json(), before);
    assert_eq!(owner.titles("/api/tasks").await, ["hers"]);
}

#[on_both_databases]
async fn a_client_deletes_no_more_tasks_in_an_hour_than_it_may(app: TestApp) {
    let app = app.with_settings(&[("MCP_DELETES_PER_HOUR", "2")]).await;
    let (alice, bob) = (Agent::new(app.user("alice"), Revision::Newest), Agent::new(app.user("bob"), Revision::Newest));
    let mut ids = Vec::new();
    for agent in [&alice, &alice, &alice, &bob] {
        ids.push(agent.does("add_task", json!({ "title": "t" })).await["task_id"].clone());
    }
    for id in &ids[..2] {
        alice.does("delete_task", json!({ "task_id": id })).await;
    }
    let refused = alice.refused("delete_task", json!({ "task_id": ids[2] })).await;
    assert!(refused.contains("MCP_DELETES_PER_HOUR") && refused.contains("Nothing was deleted"), "{refused}");
    let seconds = refused.rsplit_once(" seconds.").unwrap().0.rsplit_once(' ').unwrap().1;
    assert!((1..=1800).contains(&seconds.parse::<u32>().unwrap()), "{refused}");
    alice.does("get_task", json!({ "task_id": ids[2] })).await;
    bob.does("delete_task", json!({ "task_id": ids[3] })).await;
    // The API has no such limit.
    alice.user.delete(204, &format!("/api/tasks/{}", ids[2])).await;
}
