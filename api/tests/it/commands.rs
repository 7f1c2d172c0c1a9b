//! The commands of the program, and its first lines on the terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use testing::{Backend, TestDatabase, on_both_databases};

use crate::support::program::{Program, command, run};
use crate::support::tools::free_port;
use crate::support::{SECRET, TestApp, User, token};

#[test]
fn the_line_to_try_the_server_fits_how_it_was_started_and_which_tokens_it_takes() {
    let cargo = [("CARGO", "/usr/bin/cargo"), ("CARGO_PKG_NAME", "api")];
    let other_package = [("CARGO", "/usr/bin/cargo"), ("CARGO_PKG_NAME", "bench")];
    let better_auth = [("BETTER_AUTH_URL", "http://127.0.0.1:1")];
    let bin = env!("CARGO_BIN_EXE_api");
    for (variables, expected) in [
        (&cargo[..], "$(cargo run -qp api -- token alice)".to_owned()),
        (&other_package, format!("$({bin} token alice)")),
        (&better_auth, "TOKEN_OF_BETTER_AUTH".to_owned()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::start(folder.path(), variables.iter().copied());
        let line = format!("Authorization: Bearer {expected}\" {}/api/tasks\n", program.address());
        assert!(program.greeting.ends_with(&line), "{}", program.greeting);
    }
}

#[test]
fn the_first_lines_on_the_terminal_are_the_address_the_documentation_and_a_request_to_try() {
    let folder = tempfile::tempdir().unwrap();
    // Two warnings: there is no secret, and few files may be open.
    let program = Program::start_with_limits(folder.path(), "-n 256 && exec 2>&1", [("", ""); 0]);
    let lines: Vec<&str> = program.greeting.lines().collect();
    for (line, start) in lines.iter().zip(["Listening on http://", "Documentation: http://", "Try it:        curl "]) {
        assert!(line.starts_with(start), "{}", program.greeting);
    }
    assert_eq!(lines.len(), 3);
}

#[on_both_databases]
async fn demo_gives_a_user_tasks_for_every_filter_and_refuses_to_add_them_twice(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let demo = |arguments: &[&str]| {
        run(command(folder.path()).arg("demo").args(arguments).env("DATABASE_URL", app.database.url()))
    };
    let alice = app.user("alice");
    let (code, stdout, stderr) = demo(&["alice"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.starts_with("Added 12 tasks for alice, 3 of them completed."), "{stdout}");
    let summary = alice.get(200, "/api/tasks/summary").await.json();
    assert_eq!((&summary["all"], &summary["completed"], &summary["overdue"]), (&json!(12), &json!(3), &json!(2)));
    for priority in ["none", "low", "medium", "high"] {
        assert!(summary["by_priority"][priority].as_u64().unwrap() >= 2, "{summary}");
    }
    for filter in ["due=overdue", "due=week", "due=none", "tag=home&status=completed", "search=creme", "search=agenda"]
    {
        assert!(!alice.titles(&format!("/api/tasks?{filter}")).await.is_empty(), "{filter}");
    }
    for list in stdout.lines().filter_map(|line| line.trim().strip_prefix("/api/")) {
        assert!(!alice.titles(&format!("/api/{list}")).await.is_empty(), "{list}");
    }
    assert!(app.user("bob").titles("/api/tasks").await.is_empty());

    let (code, stdout, stderr) = demo(&["alice"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("alice has tasks already (12)") && stderr.contains("--more"), "{stderr}");
    assert_eq!(demo(&["alice", "--more"]).0, Some(0));
    assert_eq!(alice.titles("/api/tasks").await.len(), 24);
}

#[test]
fn health_succeeds_if_the_server_at_the_configured_address_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    // No other setting is needed, and none is created. A server on all addresses is asked on this machine.
    let health = || run(command(folder.path()).arg("health").env("PORT", &port).env("HOST", "0.0.0.0"));
    let address = format!("http://127.0.0.1:{port}");
    let (code, stdout, stderr) = health();
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with(&format!("error: {address} does not answer: ")), "{stderr}");
    assert!(folder.path().read_dir().unwrap().next().is_none(), "the command creates no files");

    let variables = [("BETTER_AUTH_SECRET", SECRET), ("PORT", &port), ("SHUTDOWN_DELAY_SECONDS", "60")];
    let program = Program::start(folder.path(), variables);
    assert_eq!(health(), (Some(0), format!("{address} is ready\n"), String::new()));
    program.signal("TERM");
    while health().0 == Some(0) {}
    assert_eq!(health().2, format!("error: {address} is not ready: 503 This server is about to stop\n"));
    assert_eq!(run(command(folder.path()).arg("health").env("PORT", "0")).0, Some(1));
}

#[tokio::test]
async fn the_compose_file_gives_the_server_a_secret_with_which_it_may_listen_on_all_addresses() {
    let compose = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deployment/compose.yaml");
    let compose = fs::read_to_string(compose).unwrap();
    // The script is the block after the only `- |`. Compose writes `$$` for `$`.
    let (_, script) = compose.split_once("- |\n").unwrap();
    let (script, _) = script.split_once("exec task-api\n").unwrap();
    let script = script.replace("$$", "$");
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let status = Command::new("sh").args(["-euc", &script]).current_dir(folder.path()).status().unwrap();
        assert!(status.success());
        fs::read_to_string(folder.path().join(".env")).unwrap()
    };
    let settings = start();
    assert_eq!(start(), settings, "the secret is kept");
    assert_eq!(settings.len(), "BETTER_AUTH_SECRET=\n".len() + 64);
    let mode = fs::metadata(folder.path().join(".env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let program = Program::start(folder.path(), [("HOST", "0.0.0.0")]);
    let (_, port) = program.address().rsplit_once(':').unwrap();
    let (_, token, _) = run(command(folder.path()).args(["token", "alice"]).env("HOST", "0.0.0.0"));
    User::new(&format!("http://127.0.0.1:{port}"), Some(token.trim())).get(200, "/api/tasks").await;
}

#[on_both_databases]
async fn migrate_applies_shows_and_undoes_migrations(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |arguments: &[&str]| {
        // No other setting is needed.
        run(command(folder.path()).arg("migrate").args(arguments).env("DATABASE_URL", database.url()))
    };
    let (code, status, stderr) = migrate(&["status"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    // Tables that are split by owner add a line about them.
    let migrations = |status: &str| -> Vec<String> {
        status.lines().filter(|line| !line.starts_with("partitioned by ")).map(str::to_owned).collect()
    };
    let lines = migrations(&status);
    let applied: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("applied ")).collect();
    assert_eq!(applied.len(), lines.len(), "{status}");
    let last = applied.last().unwrap();

    let (code, stdout, stderr) = migrate(&["down"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.contains(last) && stderr.contains("0 rows of the table task_reminder") && stderr.contains("--yes"),
        "{stderr}"
    );
    assert_eq!(migrate(&["status"]).1, status);
    assert_eq!(migrate(&["down", "--yes"]), (Some(0), format!("undone 1 migration: {last}\n"), String::new()));
    assert_eq!(migrations(&migrate(&["status"]).1).last().unwrap(), &format!("pending {last}"));
    assert_eq!(migrate(&[]), (Some(0), format!("applied 1 migration: {last}\n"), String::new()));
    assert_eq!(migrate(&["up"]).1, "nothing to do: all migrations are applied\n");
    assert_eq!(migrate(&["status"]).1, status);
}

#[on_both_databases]
async fn migrate_distribute_is_refused_without_citus(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["distribute"][..], &["distribute", "--shards", "8", "--yes"]] {
        let command = &mut command(folder.path());
        let (code, stdout, stderr) = run(command.arg("migrate").args(arguments).env("DATABASE_URL", database.url()));
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("citus") && stderr.lines().count() == 1, "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_migrated_by_hand_serves_without_migrations_at_start() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(database) = TestDatabase::empty(backend).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let migrate = |step| run(command(folder.path()).args(["migrate", step]).env("DATABASE_URL", database.url()));
        let (code, status, _) = migrate("status");
        assert!(code == Some(0) && status.lines().all(|line| line.starts_with("pending ")), "{status}");
        assert_eq!(migrate("down"), (Some(0), "nothing to do: no migration is applied\n".to_owned(), String::new()));
        let (code, applied, _) = migrate("up");
        assert_eq!(code, Some(0));
        assert!(applied.starts_with(&format!("applied {} migrations: ", status.lines().count())), "{applied}");
        let variables =
            [("DATABASE_URL", database.url()), ("BETTER_AUTH_SECRET", SECRET), ("MIGRATE_ON_START", "false")];
        let program = Program::start(folder.path(), variables);
        program.bearer(&token("alice")).create("t").await;
    }
}
