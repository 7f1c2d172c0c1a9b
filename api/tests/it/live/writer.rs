use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Run, below};
use crate::support::User;

/// Writes random changes until the run is over. A write that failed may have been done: only the list at the end counts.
pub async fn write(user: User, run: Arc<Run>) {
    let mut known: Vec<i64> = Vec::new();
    while !run.is_over.load(Ordering::SeqCst) {
        let (request, creates) = next(&user, &mut known);
        let Ok(answer) = request.timeout(Duration::from_secs(10)).send().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if !answer.status().is_success() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        run.written.fetch_add(1, Ordering::SeqCst);
        if creates && let Ok(task) = answer.json::<Value>().await {
            known.extend(task["id"].as_i64());
        }
    }
}

/// A random write, and whether it creates a task.
fn next(user: &User, known: &mut Vec<i64>) -> (RequestBuilder, bool) {
    // They are long, so that a slow reader has something to be slow with.
    let description = "🦀".repeat(usize::try_from(500 + below(500)).unwrap());
    let body = json!({"title": "t", "description": description, "tags": [format!("tag {}", below(9))]});
    if known.len() < 3 {
        return (user.request(Method::POST, "/api/tasks").json(&body), true);
    }
    let place = usize::try_from(below(known.len() as u64)).unwrap();
    let path = format!("/api/tasks/{}", known[place]);
    match below(100) {
        0..30 => (user.request(Method::POST, "/api/tasks").json(&body), true),
        30..60 => (user.request(Method::PATCH, &path).json(&body), false),
        60..85 => (user.request(Method::PATCH, &format!("{path}/complete")), false),
        85..97 => {
            known.swap_remove(place);
            (user.request(Method::DELETE, &path), false)
        }
        97 | 98 => (user.request(Method::POST, "/api/tasks/complete-all"), false),
        _ => (user.request(Method::DELETE, "/api/tasks?status=completed"), false),
    }
}
