//! The program `migration`.
#![expect(clippy::unwrap_used, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test checks the database with statements of its own")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use sea_orm_migration::SchemaManager;
use testing::{ConnectionTrait, TestDatabase, on_both_databases};

fn migration(arguments: &[&str], url: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migration"));
    let folder = tempfile::tempdir().unwrap();
    let output = command.args(arguments).current_dir(folder.path()).env("DATABASE_URL", url).output().unwrap();
    if url.is_empty() {
        for (path, mode) in [("data", 0o700), ("data/tasks.db", 0o600)] {
            let found = fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{path}");
        }
    }
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout),
    )
}

#[on_both_databases]
async fn down_up_fresh_and_status_work(database: TestDatabase) {
    let connection = database.connect().await;
    let has_table = async || SchemaManager::new(&connection).has_table("server_key").await.unwrap();
    assert!(migration(&["down"], database.url()).0);
    assert!(!has_table().await);
    let (_, status) = migration(&["status"], database.url());
    assert!(status.contains("Pending"), "{status}");
    assert!(migration(&["up"], database.url()).0);
    assert!(has_table().await);
    assert!(migration(&["fresh"], database.url()).0);
    assert!(has_table().await);
    let (_, status) = migration(&["status"], database.url());
    assert!(status.contains("Applied"), "{status}");
}

#[on_both_databases]
async fn fresh_drops_nothing_if_there_is_a_foreign_table(database: TestDatabase) {
    let connection = database.connect().await;
    connection.execute_unprepared("CREATE TABLE session (id integer)").await.unwrap();
    let (done, told) = migration(&["fresh"], database.url());
    assert!(!done && told.contains("some are not this program's"), "{told}");
    let manager = SchemaManager::new(&connection);
    assert!(manager.has_table("session").await.unwrap() && manager.has_table("task").await.unwrap());
}

#[test]
fn without_an_address_it_uses_the_servers_default_file() {
    let (done, output) = migration(&[], "");
    assert!(done, "{output}");
}

#[test]
fn an_invalid_address_is_refused_without_showing_its_password() {
    let (done, output) = migration(&["up"], "postgres://user:hunter2#x@localhost/x");
    assert!(!done && output.contains("DATABASE_URL is not a valid address") && !output.contains("hunter2"), "{output}");
}

#[tokio::test]
async fn a_postgres_database_with_another_encoding_is_refused() {
    let Some(database) = TestDatabase::with_encoding("SQL_ASCII").await else { return };
    for arguments in [&[][..], &["up"], &["status"]] {
        let (done, output) = migration(arguments, database.url());
        assert!(!done && output.contains("the encoding SQL_ASCII") && output.contains("ENCODING 'UTF8'"), "{output}");
    }
}
