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

const FIRST: &str = "m20261124_000001_create_task";
const SECOND: &str = "m20261124_000002_add_task_lists";
const THIRD: &str = "m20261127_000003_add_clocks";
const FOURTH: &str = "m20261128_000004_add_schedules";

#[on_both_databases]
async fn each_command_reports_what_it_did(database: TestDatabase) {
    let run = |arguments: &[&str]| {
        let (done, output) = migration(arguments, database.url());
        assert!(done, "{output}");
        output
    };
    assert_eq!(run(&["up"]), "nothing to do: all migrations are applied\n");
    assert_eq!(run(&["status"]), format!("applied {FIRST}\napplied {SECOND}\napplied {THIRD}\napplied {FOURTH}\n"));
    assert_eq!(run(&["down", "--yes"]), format!("undone 1 migration: {FOURTH}\n"));
    assert_eq!(run(&["status"]), format!("applied {FIRST}\napplied {SECOND}\napplied {THIRD}\npending {FOURTH}\n"));
    assert_eq!(run(&[]), format!("applied 1 migration: {FOURTH}\n"));
    assert_eq!(run(&["reset", "--yes"]), format!("undone 4 migrations: {FOURTH}, {THIRD}, {SECOND}, {FIRST}\n"));
    assert_eq!(run(&["down"]), "nothing to do: no migration is applied\n");
    assert_eq!(run(&["up", "-n", "1"]), format!("applied 1 migration: {FIRST}\n"));
    assert_eq!(
        run(&["refresh", "--yes"]),
        format!("undone 1 migration: {FIRST}\napplied 4 migrations: {FIRST}, {SECOND}, {THIRD}, {FOURTH}\n")
    );
    assert_eq!(
        run(&["fresh", "--yes"]),
        format!("dropped all tables\napplied 4 migrations: {FIRST}, {SECOND}, {THIRD}, {FOURTH}\n")
    );
    assert!(SchemaManager::new(&database.connect().await).has_table("task_owner").await.unwrap());
}

#[on_both_databases]
async fn a_command_that_deletes_data_states_how_many_rows_of_which_tables_and_wants_a_confirmation(
    database: TestDatabase,
) {
    let connection = database.connect().await;
    testing::seed(&connection, 3, &[]).await;
    for (command, deletes) in [
        (
            "down",
            "the columns series_id, occurrence, schedule in 3 rows of the table task, and 0 rows of the table task_reminder",
        ),
        (
            "reset",
            "3 rows of the table task, 1 row of the table task_owner, 0 rows of the table task_change, 0 rows of the table task_request, 0 rows of the table task_reminder",
        ),
        (
            "refresh",
            "3 rows of the table task, 1 row of the table task_owner, 0 rows of the table task_change, 0 rows of the table task_request, 0 rows of the table task_reminder",
        ),
        (
            "fresh",
            "4 rows of the table seaql_migrations, 3 rows of the table task, 0 rows of the table task_change, 1 row of the table task_owner, 0 rows of the table task_reminder, 0 rows of the table task_request",
        ),
    ] {
        let (done, output) = migration(&[command], database.url());
        assert!(!done && output.contains(&format!("and deletes {deletes}: repeat it with --yes")), "{output}");
    }
    let (_, status) = migration(&["status"], database.url());
    assert_eq!(status.matches("applied").count(), 4, "{status}");
}

#[test]
fn commands_for_developers_of_sea_orm_are_not_offered() {
    let (done, help) = migration(&["--help"], "sqlite::memory:");
    assert!(done && help.contains("refresh") && !help.contains("generate") && !help.contains("init"), "{help}");
}

#[test]
fn settings_are_read_from_a_dot_env_file_and_its_errors_name_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = |content: &str| {
        fs::write(folder.path().join(".env"), content).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_migration"));
        let output = command.env_clear().current_dir(folder.path()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(run("NAME=My App\nDATABASE_URL=sqlite://from-file.db\n").0);
    assert!(folder.path().join("from-file.db").exists());
    let (done, output) = run("DATABASE_URL=sqlite://tasks.db\nhunter2\n");
    assert!(!done && output.contains("/.env, line 2: ") && !output.contains("hunter2"), "{output}");
}

#[on_both_databases]
async fn fresh_drops_nothing_if_there_is_a_foreign_table(database: TestDatabase) {
    let connection = database.connect().await;
    connection.execute_unprepared("CREATE TABLE session (id integer)").await.unwrap();
    let (done, told) = migration(&["fresh", "--yes"], database.url());
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

#[test]
fn a_database_that_cannot_be_reached_is_named_with_its_variable_and_the_cause() {
    let (done, output) = migration(&["up"], "postgres://user:hunter2@localhost:1/tasks");
    assert!(!done && output.starts_with("migration: DATABASE_URL (localhost:1, database tasks): "), "{output}");
    assert!(output.contains("refused") && !output.contains("hunter2") && !output.contains("Custom Error"), "{output}");
}

#[tokio::test]
async fn a_postgres_database_with_another_encoding_is_refused() {
    let Some(database) = TestDatabase::with_encoding("SQL_ASCII").await else { return };
    for arguments in [&[][..], &["up"], &["status"]] {
        let (done, output) = migration(arguments, database.url());
        assert!(!done && output.contains("the encoding SQL_ASCII") && output.contains("ENCODING 'UTF8'"), "{output}");
    }
}
