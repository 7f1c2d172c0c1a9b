//! 503

use serde_json::json;
use testing::{Backend, ConnectionTrait, TestDatabase};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Answer, TestApp};

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.code(), "database_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_process_holds_the_sqlite_file_writes_are_503_and_reads_go_on() {
    let app = TestApp::with(TestDatabase::migrated(Backend::Sqlite).await.unwrap(), &[]).await;
    let alice = app.user("alice");
    let other = app.database.connect().await;
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    assert_unavailable(&alice.post(503, "/api/tasks", json!({"title": "t"})).await);
    alice.get(200, "/api/tasks").await;
    other.execute_unprepared("ROLLBACK").await.unwrap();
    alice.create("t").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_cannot_be_reached_requests_are_503_and_afterwards_they_succeed() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else {
        return;
    };
    let (url, server) = database.url().split_once('@').map(|(user, rest)| (user.to_owned(), rest.to_owned())).unwrap();
    let (server, name) = server.split_once('/').map(|(server, name)| (server.to_owned(), name.to_owned())).unwrap();
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let open = |door: TcpListener| {
        let server = server.clone();
        tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = door.accept().await {
                let mut upstream = TcpStream::connect(&server).await.unwrap();
                connections.spawn(async move { copy_bidirectional(&mut client, &mut upstream).await });
            }
        })
    };
    let forwarding = open(door);
    let app = TestApp::reaching(&format!("{url}@{address}/{name}"), database, &[]).await;
    let alice = app.user("alice");
    alice.create("before").await;

    // Ends the listener and every connection through it.
    forwarding.abort();
    let _ = forwarding.await;
    for _ in 0..2 {
        assert_unavailable(&alice.get(503, "/api/tasks").await);
    }
    let _forwarding = open(TcpListener::bind(address).await.unwrap());
    assert_eq!(alice.titles("/api/tasks").await, ["before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_a_free_connection_is_503() {
    let Some(database) = TestDatabase::migrated(Backend::Postgres).await else {
        return;
    };
    let app = TestApp::with(database, &[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let alice = app.user("alice");
    let other = app.database.connect().await;
    other.execute_unprepared("BEGIN; LOCK TABLE task").await.unwrap();
    let stuck = tokio::spawn({
        let alice = alice.clone();
        async move { alice.get(200, "/api/tasks").await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_unavailable(&alice.get(503, "/api/tasks").await);
    other.execute_unprepared("ROLLBACK").await.unwrap();
    stuck.await.unwrap();
}
