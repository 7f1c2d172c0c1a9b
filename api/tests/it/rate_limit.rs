//! 429

use reqwest::Method;
use testing::{Backend, TestDatabase, on_both_databases};

use crate::support::{Answer, TestApp, tools};

#[on_both_databases]
async fn over_the_limit_a_user_gets_429_with_retry_after_and_others_are_served(app: TestApp) {
    let app = app.with_settings(&[("RATE_LIMIT_PER_SECOND", "1")]).await;
    let alice = |number: u32| app.user(&format!("alice-{number}"));
    let (number, answer) = Answer::refused_second(200, |number| {
        ["/api/tasks", "/api/tasks/1.5"].map(|path| alice(number).request(Method::GET, path))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_an_address_holds_in_every_notation_of_a_trusted_proxy() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let app =
        TestApp::with(database, &[("RATE_LIMIT_PER_ADDRESS_PER_SECOND", "1"), ("TRUST_FORWARDED_FOR", "true")]).await;
    let alice = app.user("alice");
    let from = |entry: String| alice.request(Method::GET, "/api/tasks").header("x-forwarded-for", entry);
    for (first, second) in [("203.0.113.N:1001", "203.0.113.N"), ("\"[2001:db8:N::1]:99\"", "[2001:db8:N::2]")] {
        let pair = |number: u32| [first, second].map(|entry| from(entry.replace('N', &number.to_string())));
        assert_eq!(Answer::refused_second(200, pair).await.1.code(), "rate_limited");
    }
    // These share one allowance.
    let unreadable = ["unknown", "", "203.0.113.1,", "_hidden", "203.0.113.1, proxy.example"];
    let mut refused = 0;
    for entry in unreadable.into_iter().cycle().take(50) {
        refused += u32::from(Answer::to(from(entry.to_owned())).await.status == 429);
    }
    assert!(refused > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_on_this_machine_is_not_limited_by_its_address_if_the_server_listens_on_ipv6_too() {
    if std::net::TcpListener::bind("[::]:0").is_err() {
        return tools::not_run("a test needs IPv6");
    }
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::with(database, &[("HOST", "::"), ("RATE_LIMIT_PER_ADDRESS_PER_SECOND", "1")]).await;
    for host in ["127.0.0.1", "[::1]"] {
        let alice = app.user_at(host, "alice");
        for _ in 0..20 {
            alice.get(200, "/api/tasks").await;
        }
    }
}
