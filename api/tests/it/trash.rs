//! `/api/tasks/trash` and `POST /api/tasks/{id}/restore`

use reqwest::Method;
use serde_json::{Value, json};
use testing::{ConnectionTrait, on_both_databases};

use crate::support::{Answer, TestApp, User};

async fn restore(user: &User, status: u16, path: &str) -> Answer {
    Answer::expect(status, user.request(Method::POST, &format!("{path}/restore"))).await
}

/// Returns all pages of the trash, each as the ids of its tasks.
async fn pages(user: &User, first: &str) -> Vec<Vec<i64>> {
    let (mut pages, mut path) = (Vec::new(), first.to_owned());
    loop {
        let page = user.get(200, &path).await;
        pages.push(page.json().as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect());
        if !page.has("link") {
            return pages;
        }
        let link = page.header("link");
        link.strip_prefix('<').unwrap().split_once(">; rel=\"next\"").unwrap().0.clone_into(&mut path);
    }
}

#[on_both_databases]
async fn a_deleted_task_is_in_the_trash_as_it_was_and_can_be_restored(app: TestApp) {
    let alice = app.user("alice");
    let body =
        json!({"title": "Crème", "description": "d", "priority": "high", "tags": ["École"], "due_date": "2026-01-31"});
    let path = alice.post(201, "/api/tasks", body).await.header("location").to_owned();
    alice.toggle(200, &path).await;
    let task = alice.get(200, &path).await.json();
    assert_eq!(alice.get(200, "/api/tasks/trash").await.json(), json!([]));
    alice.delete(204, &path).await;
    alice.get(404, &path).await;
    let mut trash = alice.get(200, "/api/tasks/trash").await.json();
    let deleted_at = trash[0].as_object_mut().unwrap().remove("deleted_at").unwrap();
    assert!(deleted_at.as_str().unwrap() > task["updated_at"].as_str().unwrap(), "{deleted_at}");
    assert_eq!(trash, json!([task]));
    let head = Answer::expect(200, alice.request(Method::HEAD, "/api/tasks/trash")).await;
    assert_eq!((head.text.as_str(), head.has("etag")), ("", false));

    let restored = restore(&alice, 200, &path).await;
    let mut expected = task.clone();
    for name in ["updated_at", "version"] {
        expected[name] = restored.json()[name].clone();
        assert_ne!(expected[name], task[name]);
    }
    assert!(expected["version"].as_i64().unwrap() > task["version"].as_i64().unwrap());
    assert_eq!((&restored.json(), restored.header("etag")), (&expected, &*format!("\"{}\"", expected["version"])));
    assert_eq!(alice.get(200, &path).await.json(), expected);
    assert_eq!(
        alice.get(200, "/api/tasks?search=creme&tag=%C3%A9cole&due_before=2026-02-01").await.json(),
        json!([expected])
    );
    assert_eq!(alice.get(200, "/api/tasks/trash").await.json(), json!([]));
    // Again, and with an old version, which is no condition here.
    let again = alice.request(Method::POST, &format!("{path}/restore/")).header("if-match", "\"7\"");
    assert_eq!(Answer::expect(200, again).await.json(), expected);
}

#[on_both_databases]
async fn tasks_that_are_deleted_with_others_are_in_the_trash_too(app: TestApp) {
    let alice = app.user("alice");
    let paths = [alice.create("one").await, alice.create("two").await, alice.create("three").await];
    alice.toggle(200, &paths[0]).await;
    alice.toggle(200, &paths[2]).await;
    alice.delete(200, "/api/tasks?status=completed").await;
    assert_eq!(alice.get(200, "/api/tasks/trash").await.json().as_array().unwrap().len(), 2);
    restore(&alice, 200, &paths[2]).await;
    assert_eq!(alice.titles("/api/tasks").await, ["three", "two"]);
    assert_eq!(alice.titles("/api/tasks/trash").await, ["one"]);
    assert_eq!(alice.titles("/api/alice/tasks/trash/?limit=1").await, ["one"]);
}

#[on_both_databases]
async fn the_pages_of_the_trash_have_each_task_once_in_the_order_of_the_last_deletions(app: TestApp) {
    let alice = app.user("alice");
    let (mut paths, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let path = alice.create("t").await;
        ids.push(path.rsplit('/').next().unwrap().parse::<i64>().unwrap());
        alice.delete(204, &path).await;
        paths.push(path);
    }
    // Deleted twice: now it is the newest.
    restore(&alice, 200, &paths[1]).await;
    alice.delete(204, &paths[1]).await;
    restore(&alice, 200, &paths[3]).await;
    let expected = vec![vec![ids[1], ids[4]], vec![ids[2], ids[0]]];
    assert_eq!(pages(&alice, "/api/tasks/trash?limit=2").await, expected);
    assert_eq!(pages(&alice, "/api/tasks/trash").await, [expected.concat()]);
    // The memory of a large page is taken before it is read.
    assert_eq!(pages(&alice, "/api/alice/tasks/trash?limit=1000&unknown=1").await, [expected.concat()]);
}

#[on_both_databases]
async fn a_cursor_of_the_trash_is_valid_only_for_the_trash_of_its_caller(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    for _ in 0..2 {
        let path = alice.create("t").await;
        alice.create("kept").await;
        alice.delete(204, &path).await;
    }
    let cursor_of =
        |answer: &Answer| answer.header("link").split_once("cursor=").unwrap().1.split_once('>').unwrap().0.to_owned();
    let of_trash = cursor_of(&alice.get(200, "/api/tasks/trash?limit=1").await);
    let of_list = cursor_of(&alice.get(200, "/api/tasks?limit=1").await);
    alice.get(200, &format!("/api/tasks/trash?cursor={of_trash}")).await;
    for (user, path) in [
        (&bob, format!("/api/tasks/trash?cursor={of_trash}")),
        (&alice, format!("/api/tasks/trash?cursor={of_list}")),
        (&alice, format!("/api/tasks?cursor={of_trash}")),
        (&alice, "/api/tasks/trash?cursor=".to_owned()),
    ] {
        assert_eq!(user.get(422, &path).await.code(), "invalid_cursor", "{path}");
    }
    for limit in ["0", "1001", "x"] {
        let answer = alice.get(422, &format!("/api/tasks/trash?limit={limit}")).await;
        assert_eq!(answer.detail(), "limit must be an integer from 1 to 1000");
    }
}

#[on_both_databases]
async fn emptying_the_trash_makes_it_impossible_to_restore_and_changes_no_task(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let [first, second, his] = [alice.create("one").await, alice.create("two").await, bob.create("his").await];
    let begin = alice.get(200, "/api/tasks").await.header("etag").trim_matches('"').to_owned();
    alice.delete(204, &first).await;
    bob.delete(204, &his).await;
    let feed = format!("/api/tasks/changes?since={begin}");
    let (list, changes) = (alice.get(200, "/api/tasks").await, alice.get(200, &feed).await.json());
    assert_eq!(alice.delete(200, "/api/tasks/trash").await.json(), json!({"count": 1}));
    assert_eq!(alice.delete(200, "/api/alice/tasks/trash/").await.json(), json!({"count": 0}));
    assert_eq!(alice.get(200, "/api/tasks/trash").await.json(), json!([]));
    assert_eq!(restore(&alice, 404, &first).await.code(), "task_not_found");
    // The feed still has the deletion, and the state of the list has not moved.
    assert_eq!(alice.get(200, &feed).await.json(), changes);
    assert_eq!(alice.get(200, "/api/tasks").await.header("etag"), list.header("etag"));
    alice.get(200, &second).await;
    restore(&bob, 200, &his).await;
}

#[on_both_databases]
async fn a_task_that_is_not_in_the_callers_trash_is_404_also_if_it_is_another_users(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let [kept, deleted] = [alice.create("kept").await, alice.create("deleted").await];
    alice.delete(204, &deleted).await;
    for path in [&kept, &deleted, "/api/tasks/999999", "/api/tasks/0", "/api/tasks/9223372036854775808"] {
        assert_eq!(restore(&bob, 404, path).await.code(), "task_not_found", "{path}");
    }
    restore(&alice, 422, "/api/tasks/1.5").await;
    assert_eq!(restore(&bob, 403, &deleted.replace("/api/", "/api/alice/")).await.code(), "not_your_path");
    assert_eq!(restore(&alice, 404, "/api/tasks/word").await.code(), "route_not_found");
    restore(&alice, 200, &deleted.replace("/api/", "/api/alice/")).await;
}

#[on_both_databases]
async fn a_task_that_was_deleted_more_than_history_days_ago_is_gone_before_any_sweep(app: TestApp) {
    let app = app.with_settings(&[("HISTORY_DAYS", "2")]).await;
    let alice = app.user("alice");
    let [old, recent] = [alice.create("old").await, alice.create("recent").await];
    alice.delete(204, &old).await;
    alice.delete(204, &recent).await;
    let age = async |path: &str, hours: i64| {
        let id = path.rsplit('/').next().unwrap();
        let age =
            format!("UPDATE task_change SET at = at - {} WHERE kind = 3 AND task_id = {id}", hours * 3_600_000_000);
        app.database.connect().await.execute_unprepared(&age).await.unwrap();
    };
    age(&old, 49).await;
    age(&recent, 47).await;
    assert_eq!(alice.titles("/api/tasks/trash").await, ["recent"]);
    restore(&alice, 404, &old).await;
    restore(&alice, 200, &recent).await;
}

#[on_both_databases]
async fn restoring_obeys_the_quota(app: TestApp) {
    let app = app.with_settings(&[("MAX_TASKS_PER_USER", "1")]).await;
    let alice = app.user("alice");
    let first = alice.create("one").await;
    alice.delete(204, &first).await;
    let second = alice.create("two").await;
    assert_eq!(restore(&alice, 409, &first).await.code(), "task_limit_reached");
    // A task that exists needs no room.
    restore(&alice, 200, &second).await;
    alice.delete(204, &second).await;
    restore(&alice, 200, &first).await;
    assert_eq!(alice.post(409, "/api/tasks", json!({"title": "three"})).await.code(), "task_limit_reached");
}

#[on_both_databases]
async fn a_task_that_was_deleted_and_restored_several_times_is_once_in_the_feed(app: TestApp) {
    let alice = app.user("alice");
    let path = alice.create("t").await;
    let begin = alice.get(200, "/api/tasks").await.header("etag").trim_matches('"').to_owned();
    for _ in 0..3 {
        alice.delete(204, &path).await;
        restore(&alice, 200, &path).await;
    }
    let feed = alice.get(200, &format!("/api/tasks/changes?since={begin}")).await.json();
    let task: Value = alice.get(200, &path).await.json();
    assert_eq!((&feed["changes"], &feed["state"]), (&json!([{"type": "changed", "task": task}]), &task["version"]));
}

#[on_both_databases]
async fn the_tasks_of_the_trash_have_the_other_names_for_completed(app: TestApp) {
    let app = app.with_settings(&[("TASK_ALIASES", "done")]).await;
    let alice = app.user("alice");
    let path = alice.create("t").await;
    alice.delete(204, &path).await;
    assert_eq!(alice.get(200, "/api/tasks/trash").await.json()[0]["done"], false);
    assert_eq!(alice.get(200, "/api/me/export").await.json()["trash"][0]["done"], false);
    assert_eq!(restore(&alice, 200, &path).await.json()["done"], false);
}
