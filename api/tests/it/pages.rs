//! Pages of a list, and lists of any length.

use std::collections::BTreeSet;

use serde_json::Value;
use testing::{TestDatabase, on_both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::program::Program;
use crate::support::{Answer, SECRET, TestApp, User, token};

/// Returns the path of the next page.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.has("link").then(|| answer.header("link"))?;
    Some(link.strip_prefix('<').and_then(|link| link.strip_suffix(r#">; rel="next""#)).unwrap().to_owned())
}

fn ids(page: &Answer) -> Vec<i64> {
    page.json().as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect()
}

async fn walk(user: &User, path: &str, between_pages: impl AsyncFn()) -> Vec<i64> {
    let (mut all, mut path) = (Vec::new(), Some(path.to_owned()));
    while let Some(page) = path {
        let answer = user.get(200, &page).await;
        all.extend(ids(&answer));
        path = next(&answer);
        between_pages().await;
    }
    all
}

#[on_both_databases]
async fn following_the_links_returns_the_whole_list_in_order(app: TestApp) {
    let alice = app.user("alice");
    for n in 0..7 {
        alice.create(&format!("task {}", n % 3)).await;
    }
    for query in ["", "&sort=title", "&sort=-priority,title", "&sort=due_date&status=pending", "&search=TASK%201&tag="]
    {
        let query = query.trim_end_matches("&tag=");
        let whole = ids(&alice.get(200, &format!("/api/tasks?{query}")).await);
        for limit in [1, 3, 7, 8] {
            assert_eq!(
                walk(&alice, &format!("/api/tasks?limit={limit}{query}"), async || {}).await,
                whole,
                "{query} {limit}"
            );
        }
    }
    assert!(
        alice
            .get(200, "/api/alice/tasks/?limit=2")
            .await
            .header("link")
            .starts_with("</api/alice/tasks/?limit=2&cursor=")
    );
}

#[on_both_databases]
async fn creating_and_deleting_tasks_between_pages_neither_repeats_nor_skips_another_task(app: TestApp) {
    let alice = app.user("alice");
    for query in ["", "&sort=title", "&sort=due_date", "&sort=-priority,created_at"] {
        let mut lasting = BTreeSet::new();
        for n in 0..9 {
            let path = alice.create(&format!("{n} lasting")).await;
            lasting.insert(path.rsplit('/').next().unwrap().parse::<i64>().unwrap());
        }
        let passing = std::cell::RefCell::new(Vec::new());
        for n in 0..6 {
            let path = alice.create(&format!("{n} passing")).await;
            passing.borrow_mut().push(path);
        }
        let shown = walk(&alice, &format!("/api/tasks?limit=2{query}"), async || {
            let gone = passing.borrow_mut().pop();
            if let Some(gone) = gone {
                alice.delete(204, &gone).await;
                alice.create("4 new").await;
            }
        })
        .await;
        let others: Vec<_> = shown.iter().filter(|id| lasting.contains(id)).collect();
        assert_eq!(others.len(), lasting.len(), "{query}");
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len(), "{query}");
        alice.delete(204, "/api/me").await;
    }
}

#[on_both_databases]
async fn a_cursor_is_valid_only_for_its_caller_and_its_query(app: TestApp) {
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    for user in [&alice, &bob] {
        for title in ["one", "two", "three"] {
            user.create(title).await;
        }
    }
    let link = next(&alice.get(200, "/api/tasks?limit=1&sort=title").await).unwrap();
    let cursor = link.rsplit_once("cursor=").unwrap().1;
    // The page size is not part of the query.
    assert_eq!(alice.titles(&link.replace("limit=1", "limit=2")).await, ["three", "two"]);
    assert_eq!(alice.titles(&format!("/api/tasks?sort=title&cursor={cursor}")).await, ["three", "two"]);
    for (user, path) in [
        (&bob, link.clone()),
        (&alice, link.replace("sort=title", "sort=-title")),
        (&alice, link.replace("sort=title", "sort=title&status=pending")),
        (&alice, link.replace("sort=title", "sort=title&tz=Asia/Tokyo")),
        (&alice, format!("/api/tasks?limit=1&cursor={cursor}")),
        (&alice, "/api/tasks?cursor=".to_owned()),
        (&alice, "/api/tasks?cursor=not%20base64".to_owned()),
    ] {
        let answer = user.get(422, &path).await;
        assert_eq!(answer.code(), "invalid_cursor", "{path}");
        assert!(answer.detail().starts_with("cursor"));
    }
    // A change of any character makes the cursor invalid.
    for at in 0..cursor.len() {
        let other = if &cursor[at..=at] == "A" { "B" } else { "A" };
        let tampered = format!("/api/tasks?limit=1&sort=title&cursor={}{other}{}", &cursor[..at], &cursor[at + 1..]);
        alice.get(422, &tampered).await;
    }
}

#[on_both_databases]
async fn a_cursor_is_valid_on_every_server_of_the_database(app: TestApp) {
    let alice = app.user("alice");
    for title in ["one", "two"] {
        alice.create(title).await;
    }
    let link = next(&alice.get(200, "/api/tasks?limit=1").await).unwrap();
    let other = app.with_settings(&[]).await;
    assert_eq!(other.user("alice").titles(&link).await, ["one"]);
}

#[on_both_databases]
async fn a_client_that_reads_a_long_list_slowly_holds_no_database_connection(database: TestDatabase) {
    let description = "'more than fits into the buffers between a server and a client who does not read'";
    testing::seed(&database.connect().await, 50_000, &[("description", description)]).await;
    let app = TestApp::with(database, &[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(app.host_and_port()).await.unwrap();
        let request = format!("GET /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", token("alice"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut begin = [0; 64];
        stream.read_exact(&mut begin).await.unwrap();
        assert!(begin.starts_with(b"HTTP/1.1 200 OK"));
        slow.push(stream);
    }
    let bob = app.user("bob");
    for _ in 0..20 {
        let path = bob.create("t").await;
        bob.get(200, &path).await;
        bob.get(200, "/api/tasks?sort=title").await;
    }
    // The slow clients had not received most of the list when the others were served.
    for mut stream in slow {
        let (mut length, mut buffer) = (0, vec![0; 1 << 20]);
        while length < 10_000_000 {
            length += stream.read(&mut buffer).await.unwrap();
        }
    }
}

#[on_both_databases]
async fn a_list_of_a_hundred_thousand_tasks_is_complete_and_takes_bounded_memory(database: TestDatabase) {
    let description =
        "'a description of a hundred characters, more or less, that makes the list a good deal larger than it was'";
    testing::seed(&database.connect().await, 100_000, &[("description", description)]).await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("DATABASE_URL", database.url()), ("BETTER_AUTH_SECRET", SECRET)]);
    let alice = program.bearer(&token("alice"));
    alice.get(404, "/api/tasks/999999").await;
    let before = program.peak_memory_kib();
    let answer = alice.get(200, "/api/tasks?sort=created_at").await;
    let grown = program.peak_memory_kib().saturating_sub(before);
    assert!(answer.text.len() > 20_000_000 && grown < 32 * 1024, "{} bytes with {grown} KiB", answer.text.len());
    let list: Vec<Value> = serde_json::from_str(&answer.text).unwrap();
    assert!(list.iter().map(|task| task["id"].as_i64().unwrap()).eq(1..=100_000));
}
