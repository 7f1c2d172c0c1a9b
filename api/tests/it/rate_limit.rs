//! 429

use testing::on_both_databases;

use crate::support::TestApp;

on_both_databases! {
    async fn over_the_limit_a_user_is_told_when_to_come_back_and_others_are_served(app: TestApp) {
        let app = app.with_settings(&[("RATE_LIMIT_PER_SECOND", "1")]).await;
        let alice = app.user("alice");
        alice.get(200, "/api/tasks").await;
        let answer = alice.get(429, "/api/tasks/nonsense").await;
        assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("rate_limited", "1"));
        app.user("bob").get(200, "/api/tasks").await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        alice.get(200, "/api/tasks").await;
    }

    async fn at_zero_there_is_no_limit(app: TestApp) {
        // What every test's server is set to.
        let alice = app.user("alice");
        for _ in 0..300 {
            alice.get(200, "/api/tasks").await;
        }
    }
}
