//! 429

use reqwest::Method;
use testing::on_both_databases;

use crate::support::{Answer, TestApp};

#[on_both_databases]
async fn over_the_limit_a_user_gets_429_with_retry_after_and_others_are_served(app: TestApp) {
    let app = app.with_settings(&[("RATE_LIMIT_PER_SECOND", "1")]).await;
    let alice = |number: u32| app.user(&format!("alice-{number}"));
    let (number, answer) = Answer::refused_second(200, |number| {
        ["/api/tasks", "/api/tasks/nonsense"].map(|path| alice(number).request(Method::GET, path))
    })
    .await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("rate_limited", "1"));
    app.user("bob").get(200, "/api/tasks").await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    alice(number).get(200, "/api/tasks").await;
}

#[on_both_databases]
async fn at_zero_there_is_no_limit(app: TestApp) {
    // The setting of every test's server.
    let alice = app.user("alice");
    for _ in 0..300 {
        alice.get(200, "/api/tasks").await;
    }
}
