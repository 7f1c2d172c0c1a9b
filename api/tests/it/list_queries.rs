//! The parameters of `GET /api/tasks`. The service's own tests check filters and orders in detail.

use serde_json::json;
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

async fn fill(alice: &User) {
    for task in [
        json!({"title": "Banana", "priority": "low", "tags": ["fruit"], "due_date": "2000-01-01"}),
        json!({"title": "Äpfel", "priority": "high", "tags": ["Fruit", "home"], "due_date": "2999-01-01T00:00:00Z"}),
        json!({"title": "cherry", "description": "red as a ÄPFEL"}),
    ] {
        alice.post(201, "/api/tasks", task).await;
    }
    let path = alice
        .post(201, "/api/tasks", json!({"title": "done", "due_date": "2000-01-01"}))
        .await
        .header("location")
        .to_owned();
    alice.toggle(200, &path).await;
}

#[on_both_databases]
async fn each_parameter_works_as_documented(app: TestApp) {
    let alice = app.user("alice");
    fill(&alice).await;
    fill(&app.user("bob")).await;
    for (query, titles) in [
        ("", vec!["done", "cherry", "Äpfel", "Banana"]),
        ("status=pending", vec!["cherry", "Äpfel", "Banana"]),
        ("priority=high,low", vec!["Äpfel", "Banana"]),
        ("priority=none", vec!["done", "cherry"]),
        ("priority=high&priority=low", vec!["Äpfel", "Banana"]),
        ("sort=-priority&sort=title", vec!["Äpfel", "Banana", "cherry", "done"]),
        ("tag=fruit", vec!["Äpfel", "Banana"]),
        ("tag=FRUIT&tag=Home", vec!["Äpfel"]),
        ("due_before=2000-01-02", vec!["done", "Banana"]),
        ("due_before=2000-01-01", vec![]),
        ("due_after=2000-01-01", vec!["Äpfel"]),
        ("due_after=1999-12-31T23:59:59Z", vec!["done", "Äpfel", "Banana"]),
        ("due=overdue", vec!["Banana"]),
        ("due=none", vec!["cherry"]),
        ("due=today&tz=Asia/Tokyo", vec![]),
        ("search=apfel", vec!["cherry", "Äpfel"]),
        ("search=", vec!["done", "cherry", "Äpfel", "Banana"]),
        ("search=%25", vec![]),
        ("sort=title", vec!["Äpfel", "Banana", "cherry", "done"]),
        ("sort=-title", vec!["done", "cherry", "Banana", "Äpfel"]),
        ("sort=due_date", vec!["Banana", "done", "Äpfel", "cherry"]),
        ("sort=-due_date", vec!["Äpfel", "done", "Banana", "cherry"]),
        ("sort=-priority,title", vec!["Äpfel", "Banana", "cherry", "done"]),
        ("sort=created_at", vec!["Banana", "Äpfel", "cherry", "done"]),
        ("sort_by=title&order=desc", vec!["done", "cherry", "Banana", "Äpfel"]),
        ("sort_by=title", vec!["Äpfel", "Banana", "cherry", "done"]),
        ("order=asc", vec!["Banana", "Äpfel", "cherry", "done"]),
        ("sort=title&sort_by=priority&order=desc", vec!["Äpfel", "Banana", "cherry", "done"]),
        ("limit=2", vec!["done", "cherry"]),
        ("search=apfel&priority=high&status=pending&due_after=2026-01-01&sort=title&limit=5", vec!["Äpfel"]),
    ] {
        assert_eq!(alice.titles(&format!("/api/tasks?{query}")).await, titles, "{query}");
    }
}

#[on_both_databases]
async fn an_invalid_parameter_is_422_and_named(app: TestApp) {
    let alice = app.user("alice");
    for (query, named) in [
        ("priority=important", "priority"),
        ("priority=high,", "priority"),
        ("tag=", "tag"),
        ("tag=a%00b", "tag"),
        ("due_before=soon", "due_before"),
        ("due_after=2026-13-01", "due_after"),
        ("due=later", "due"),
        ("due=today&tz=Mars/Olympus", "tz"),
        ("search=a%00b", "search"),
        ("sort=colour", "sort"),
        ("sort=title,,priority", "sort"),
        ("order=up", "order"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("status=pending&status=all", "status"),
    ] {
        let answer = alice.get(422, &format!("/api/tasks?{query}")).await;
        assert_eq!(answer.code(), "invalid_parameter", "{query}");
        assert!(answer.detail().starts_with(named), "{query}: {}", answer.detail());
    }
    let different = |count: u32| (0..count).map(|n| format!("tag={n}")).collect::<Vec<_>>().join("&");
    alice.get(200, &format!("/api/tasks?{}", different(20))).await;
    let many = alice.get(422, &format!("/api/tasks?{}", different(21))).await;
    assert_eq!(many.detail(), "tag must name at most 20 different tags");
    alice.get(422, &format!("/api/tasks?search={}", "x".repeat(1001))).await;
    alice.get(200, &format!("/api/tasks?search={}", "x".repeat(1000))).await;
}

#[on_both_databases]
async fn repeated_values_are_dropped_however_many_they_are(app: TestApp) {
    let alice = app.user("alice");
    fill(&alice).await;
    for (once, repeated) in [
        ("priority=high", format!("priority={}", "high,".repeat(10_000) + "high")),
        ("priority=high", "priority=high&".repeat(500)),
        ("tag=a", "tag=a&tag=A&".repeat(500)),
        ("sort=title", format!("sort={}", "title,-title,".repeat(4000) + "title")),
    ] {
        let expected = alice.get(200, &format!("/api/tasks?{once}")).await.json();
        assert_eq!(alice.get(200, &format!("/api/tasks?{repeated}")).await.json(), expected, "{once}");
    }
}

#[on_both_databases]
async fn the_whole_list_is_counted_if_the_client_prefers_it(app: TestApp) {
    let alice = app.user("alice");
    fill(&alice).await;
    for (query, total) in [("", "4"), ("?limit=1", "4"), ("?limit=1&status=pending", "3"), ("?search=nothing", "0")] {
        let request =
            alice.request(reqwest::Method::GET, &format!("/api/tasks{query}")).header("prefer", "count=exact");
        let answer = Answer::expect(200, request).await;
        assert_eq!(
            (answer.header("x-total-count"), answer.header("preference-applied")),
            (total, "count=exact"),
            "{query}"
        );
    }
    assert!(!alice.get(200, "/api/tasks?limit=1").await.has("x-total-count"));
}
