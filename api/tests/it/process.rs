//! The program as a process: first start, signals, logs, kill.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testing::{Backend, ConnectionTrait, TestDatabase, on_both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::program::{Program, command, run};
use crate::support::{Answer, SECRET, TestApp, promises, token};

fn settings(database: &TestDatabase) -> Vec<(&'static str, String)> {
    vec![("DATABASE_URL", database.url().to_owned()), ("BETTER_AUTH_SECRET", SECRET.to_owned())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_settings_it_creates_a_database_and_a_secret_and_prints_how_to_try_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("", ""); 0]);
    let address = program.address();
    assert!(address.starts_with("http://127.0.0.1:"));
    assert!(program.greeting.contains(&format!("{address}/docs\n")), "{}", program.greeting);
    let bin = env!("CARGO_BIN_EXE_api");
    let try_it = format!("curl -H \"Authorization: Bearer $({bin} token alice)\" {address}/api/tasks\n");
    assert!(program.greeting.ends_with(&try_it), "{}", program.greeting);
    let secret = folder.path().join("data/development-secret");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    check_modes(folder.path(), &["tasks.db", "tasks.db-shm", "tasks.db-wal"]);

    let (code, token, _) = run(command(folder.path()).args(["token", "alice"]));
    assert_eq!(code, Some(0));
    program.bearer(token.trim()).create("my first task").await;
    program.signal("TERM");
    let (code, log) = program.wait();
    assert_eq!(code, Some(0));
    assert!(log.contains("BETTER_AUTH_SECRET is not set"), "{log}");
    assert!(!log.contains(fs::read_to_string(&secret).unwrap().trim()));

    let again = Program::start(folder.path(), [("", ""); 0]);
    assert_eq!(again.bearer(token.trim()).titles("/api/tasks").await, ["my first task"]);
}

/// Checks that only the owner can access the data and these files of it.
fn check_modes(folder: &Path, files: &[&str]) {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = folder.join("data");
    assert_eq!(mode(&data), 0o700);
    for file in files {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_token_from_the_command_line_is_the_first_to_create_the_private_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(command(folder.path()).args(["token", "alice"]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    check_modes(folder.path(), &["development-secret"]);
    drop(Program::start(folder.path(), [("", ""); 0]));
    check_modes(folder.path(), &["development-secret", "tasks.db"]);
}

#[test]
fn a_folder_and_a_file_that_exist_keep_their_modes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("tasks.db"), "").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(data.join("tasks.db"), fs::Permissions::from_mode(0o640)).unwrap();
    drop(Program::start(folder.path(), [("", ""); 0]));
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(fs::metadata(data.join("tasks.db")).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn an_invalid_setting_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for (variables, told) in [
        (&[("HOST", "0.0.0.0")][..], "BETTER_AUTH_SECRET or BETTER_AUTH_URL must be set"),
        (&[("BETTER_AUTH_SECRET", "")], "BETTER_AUTH_SECRET must not be empty"),
        (
            &[("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890")],
            "BETTER_AUTH_SECRET is a publicly known",
        ),
        (&[("PORT", "80000")], "PORT must be a port number"),
        (&[("HOST", "example.com")], "HOST must be an IP address"),
        (&[("DATABASE_URL", "mysql://root:hunter2@localhost/x")], "DATABASE_URL must begin with"),
        (&[("DATABASE_URL", "postgres://user:hunter2#x@localhost/x")], "DATABASE_URL is not a valid address"),
        (&[("READY_AFTER_SECONDS", "1")], "READY_AFTER_SECONDS must be a number of seconds, at least 2"),
        (&[("WORKERS", "513")], "WORKERS must be a number of threads up to 512"),
        (&[("RUST_LOG", "api=loud")], "RUST_LOG must be a level"),
        (&[("RUST_LOG", "nonsense")], "RUST_LOG must be a level"),
        (&[("LOG_FORMAT", "xml")], "LOG_FORMAT must be text or json"),
        (&[("BETTER_AUTH_ISSUER", ",")], "BETTER_AUTH_ISSUER must be a comma list with at least one value"),
        (&[("CORS_ALLOWED_ORIGINS", ",")], "CORS_ALLOWED_ORIGINS must be a comma list with at least one value"),
        (
            &[("DATABASE_URL", "postgresql+asyncpg://user:hunter2@localhost/x")],
            "DATABASE_URL begins with postgresql+asyncpg:, which names a driver of SQLAlchemy: write postgresql:// instead",
        ),
        (&[("BETTER_AUTH_URL", "localhost:3000")], "BETTER_AUTH_URL must be an address"),
        (&[("BETTER_AUTH_LEEWAY_SECONDS", "301")], "BETTER_AUTH_LEEWAY_SECONDS must be"),
        (&[("CORS_ALLOWED_ORIGINS", "https://App.example")], "CORS_ALLOWED_ORIGINS must be"),
        (&[("MIGRATE_ON_START", "yes")], "MIGRATE_ON_START must be true or false"),
        (&[("DELETE_RETURNS_TASK", "1")], "DELETE_RETURNS_TASK must be true or false"),
        (&[("HISTORY_DAYS", "0")], "HISTORY_DAYS must be a number of days from 1 to 65535"),
        (&[("CORS_ALLOWED_ORIGINS", "*")], "CORS_ALLOWED_ORIGINS must be"),
        (&[("CORS_ALLOWED_ORIGINS", "https://a.example/")], "CORS_ALLOWED_ORIGINS must be"),
        (&[("DATABASE_MAX_CONNECTIONS", "0")], "DATABASE_MAX_CONNECTIONS must be a positive number"),
        (&[("RATE_LIMIT_PER_SECOND", "-1")], "RATE_LIMIT_PER_SECOND must be"),
        (&[("MAX_CONNECTIONS_PER_ADDRESS", "many")], "MAX_CONNECTIONS_PER_ADDRESS must be a number of connections"),
        (
            &[("DATABASE_URL", "sqlite:///proc/nowhere/tasks.db")],
            "DATABASE_URL names the folder /proc/nowhere, which cannot be created: ",
        ),
        (&[("DATABASE_URL", "sqlite:///proc/version")], "DATABASE_URL (file /proc/version): "),
        (
            &[("DATABASE_URL", "postgres://user:hunter2@localhost:1/tasks"), ("DATABASE_WAIT_SECONDS", "0")],
            "DATABASE_URL (localhost:1, database tasks): ",
        ),
    ] {
        let (code, stdout, stderr) = run(command(folder.path()).envs(variables.iter().copied()));
        assert_eq!(code, Some(1), "{variables:?}");
        assert!(stderr.contains(told) && stdout.is_empty(), "{variables:?}: {stderr}");
        assert!(!stderr.contains("hunter2") && !stderr.contains("Custom Error"), "{stderr}");
    }
}

#[test]
fn a_port_in_use_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, stderr) = run(command(folder.path()).env("PORT", &port));
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{stderr}");
}

#[test]
fn settings_are_read_from_a_dot_env_file_too_and_the_environment_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "PORT=nonsense\n").unwrap();
    let (code, _, stderr) = run(&mut command(folder.path()));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("PORT must be a port number"), "{stderr}");
    drop(Program::start(folder.path(), [("PORT", "0")]));

    fs::write(folder.path().join(".env"), "NAME=My App\nBETTER_AUTH_SECRET='hunter2\n").unwrap();
    let (code, _, stderr) = run(&mut command(folder.path()));
    assert_eq!(code, Some(1));
    let path = folder.path().join(".env");
    let told = format!("error: {}, line 2: a quote begins here and does not end\n", path.display());
    assert!(stderr == told, "{stderr}");
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_and_named() {
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let value = std::ffi::OsStr::from_bytes(b"\xff");
    let (code, _, stderr) = run(command(folder.path()).env("BETTER_AUTH_SECRET", value));
    assert_eq!((code, stderr.as_str()), (Some(1), "error: BETTER_AUTH_SECRET is not UTF-8\n"));
}

#[test]
fn help_lists_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, _) = run(command(folder.path()).arg("--help"));
    assert_eq!(code, Some(0));
    for word in ["Task API", "serve", "token", "demo", "migrate", "openapi", ".env.example"] {
        assert!(stdout.contains(word), "{stdout}");
    }
    let (code, _, stderr) = run(command(folder.path()).args(["token", ""]));
    assert_eq!((code, stderr.as_str()), (Some(1), "error: a user id is 1 to 255 characters long, without U+0000\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_database_with_another_encoding_is_refused_and_the_error_states_the_remedy() {
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let Some(database) = TestDatabase::with_encoding(encoding).await else { return };
        for migrates in ["true", "false"] {
            let folder = tempfile::tempdir().unwrap();
            let variables = settings(&database).into_iter().chain([("MIGRATE_ON_START", migrates.to_owned())]);
            let (code, _, stderr) = run(command(folder.path()).envs(variables));
            assert_eq!(code, Some(1));
            let told = format!("the encoding {encoding}, which");
            assert!(stderr.contains(&told) && stderr.contains("ENCODING 'UTF8'"), "{stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
        for step in ["up", "status", "down"] {
            let folder = tempfile::tempdir().unwrap();
            let (code, _, stderr) = run(command(folder.path()).args(["migrate", step]).envs(settings(&database)));
            assert_eq!(code, Some(1));
            assert!(stderr.contains(&format!("the encoding {encoding}, which")), "{stderr}");
        }
    }
}

async fn check_without_migrations(database: &TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(database).into_iter().chain([("MIGRATE_ON_START", "false".to_owned())]);
    let program = Program::start(folder.path(), settings);
    let answer = program.bearer(&token("alice")).get(500, "/api/tasks").await;
    assert_eq!(answer.code(), "internal_error");
    assert_eq!(answer.detail(), "Something went wrong in the server");
    let id = answer.json()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("x-request-id"), id);
    program.signal("TERM");
    let (_, log) = program.wait();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    assert!(
        line.contains("ERROR")
            && (line.contains("no such table: task") || line.contains("\"task_owner\" does not exist")),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_migrations_at_start_the_schema_stays_and_the_500_names_only_the_request() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        if let Some(database) = TestDatabase::empty(backend).await {
            check_without_migrations(&database).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_does_not_wait_for_requests_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), [("BETTER_AUTH_SECRET", SECRET)]);
    let alice = program.bearer(&token("alice"));
    let never = futures_util::stream::pending::<Result<&str, std::io::Error>>();
    let request = alice.request(Method::POST, "/api/tasks").body(reqwest::Body::wrap_stream(never));
    let in_flight = tokio::spawn(request.send());
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        program.signal("TERM");
    }
    assert_eq!(program.wait().0, Some(0));
    assert!(in_flight.await.unwrap().is_err());
}

#[on_both_databases]
async fn a_signal_lets_requests_in_flight_finish_and_ends_with_0(database: TestDatabase) {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::start(folder.path(), settings(&database));
        // The body is incomplete when the signal arrives.
        let host_and_port = program.address().trim_start_matches("http://");
        let mut socket = TcpStream::connect(host_and_port).await.unwrap();
        let head = format!(
            "POST /api/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 21\r\nexpect: 100-continue\r\n\r\n",
            token("alice")
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body, so the request has begun.
        let mut asked = [0; 25];
        socket.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        program.signal(signal);
        program.wait_for_log("finishing the requests in flight");
        socket.write_all(br#"{"title":"in flight"}"#).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        assert_eq!(program.wait().0, Some(0));
    }
}

#[on_both_databases]
async fn a_server_killed_under_load_has_lost_no_create_that_was_answered(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), settings(&database));
    let alice = program.bearer(&token("alice"));
    let promised = Arc::new(Mutex::new(BTreeSet::new()));
    let mut storm = JoinSet::new();
    for _ in 0..16 {
        let (alice, promised) = (alice.clone(), Arc::clone(&promised));
        storm.spawn(async move {
            while let Ok(response) = alice.request(Method::POST, "/api/tasks").json(&json!({"title": "t"})).send().await
            {
                let created = response.status() == 201;
                let Ok(task) = response.json::<serde_json::Value>().await else { break };
                if created {
                    promised.lock().unwrap().insert(task["id"].as_i64().unwrap());
                }
            }
        });
    }
    promises(&promised).await;
    program.signal("KILL");
    storm.join_all().await;
    let _ = program.wait();

    let promised = promised.lock().unwrap().clone();
    let again = Program::start(folder.path(), settings(&database));
    let kept = again.bearer(&token("alice")).get(200, "/api/tasks").await.json();
    let kept: BTreeSet<i64> = kept.as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect();
    assert!(promised.is_subset(&kept), "lost: {:?}", promised.difference(&kept));
    assert!(kept.len() - promised.len() <= 16, "more than the requests under way were done unanswered");
}

#[on_both_databases]
async fn no_log_level_shows_a_secret_or_the_content_of_tasks(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let program =
        Program::start(folder.path(), settings(&database).into_iter().chain([("RUST_LOG", "trace".to_owned())]));
    let secret_token = token("alice-the-subject");
    let alice = program.bearer(&secret_token);
    let body = json!({"title": "private title", "description": "private description"});
    let path = alice.post(201, "/api/tasks", body).await.header("location").to_owned();
    alice.get(200, "/api/tasks?status=all&search=private-search").await;
    alice.put(422, &path, json!({"title": {"private title": 1}})).await;
    alice.get(404, "/elsewhere?token=private").await;
    program.bearer("private-bad-token").get(401, "/api/tasks").await;
    alice.delete(204, &path).await;
    program.signal("TERM");
    let (_, log) = program.wait();
    assert!(log.contains("POST /api/tasks 201 "), "{log}");
    let password = database
        .url()
        .split_once("://")
        .unwrap()
        .1
        .split_once('@')
        .map(|(user, _)| user.split_once(':').unwrap().1.to_owned());
    let secrets = [SECRET, &secret_token, "private", "alice-the-subject"];
    for secret in secrets.into_iter().chain(password.as_deref()) {
        assert!(!log.contains(secret), "the log shows {secret}:\n{log}");
    }
}

#[on_both_databases]
async fn a_request_is_logged_in_one_line_with_method_route_status_duration_id_code_and_path(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), settings(&database));
    let alice = program.bearer(&token("alice"));
    let id = alice.get(404, "/api/alice/tasks/12345").await.header("x-request-id").to_owned();
    program.signal("TERM");
    let (_, log) = program.wait();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(lines.len(), 1);
    let words: Vec<&str> = lines[0].split(' ').collect();
    let [.., method, route, status, duration, logged_id, code, path] = words[..] else { panic!("{lines:?}") };
    assert_eq!((method, route, status, logged_id), ("GET", "/api/tasks/{id}", "404", id.as_str()));
    assert_eq!((code, path), ("task_not_found", "/api/alice/tasks/12345"));
    assert!(duration.ends_with("ms") && duration.trim_end_matches("ms").parse::<f64>().is_ok(), "{duration}");
}

#[on_both_databases]
async fn a_streamed_list_that_breaks_off_is_logged_with_its_route_its_id_and_the_cause(database: TestDatabase) {
    let other = database.connect().await;
    // More than the sockets between server and client hold.
    testing::seed(
        &other,
        60_000,
        &[("description", "'0123456789012345678901234567890123456789012345678901234567890123'")],
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), settings(&database));
    let request = program.bearer(&token("alice")).request(Method::GET, "/api/tasks?status=all");
    let mut answer = request.header("x-request-id", "broken-stream").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.chunk().await.unwrap().unwrap();
    other.execute_unprepared("ALTER TABLE task RENAME TO elsewhere").await.unwrap();
    while let Ok(chunk) = answer.chunk().await {
        assert!(chunk.is_some(), "the list is complete");
    }
    program.signal("TERM");
    let (_, log) = program.wait();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("broken-stream")).collect();
    let broken = lines.iter().find(|line| line.contains("broke off")).unwrap_or_else(|| panic!("{log}"));
    assert!(broken.contains("ERROR") && broken.contains("GET /api/tasks broke off"), "{broken}");
    assert!(broken.contains("no such table: task") || broken.contains("\"task\" does not exist"), "{broken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_at_the_same_time_on_an_empty_database_all_come_up() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(database) = TestDatabase::empty(backend).await else {
            continue;
        };
        let starting: Vec<_> = (0..4)
            .map(|_| {
                let settings = settings(&database);
                std::thread::spawn(move || {
                    let folder = tempfile::tempdir().unwrap();
                    Program::start(folder.path(), settings)
                })
            })
            .collect();
        let programs: Vec<Program> = starting.into_iter().map(|start| start.join().unwrap()).collect();
        programs[0].bearer(&token("alice")).create("seen by all").await;
        for program in &programs {
            assert_eq!(program.bearer(&token("alice")).titles("/api/tasks").await, ["seen by all"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_from_the_command_line_is_valid_for_its_user() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let app =
        TestApp::with(database, &[("BETTER_AUTH_ISSUER", "https://a.example"), ("BETTER_AUTH_AUDIENCE", "tasks")])
            .await;
    let folder = tempfile::tempdir().unwrap();
    let mut token = command(folder.path());
    token.args(["token", "alice", "--hours", "1"]).env("BETTER_AUTH_SECRET", SECRET);
    token.envs([("BETTER_AUTH_ISSUER", "https://a.example"), ("BETTER_AUTH_AUDIENCE", "tasks")]);
    let (code, token, stderr) = run(&mut token);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    app.bearer(token.trim()).get(200, "/api/alice/tasks").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_has_grown_to_its_limit_is_a_503_for_writes_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    // The unit of the shell is 512 or 1,024 bytes, so this is 200 or 400 KiB.
    let program = Program::start_with_limits(folder.path(), "-f 400", [("BETTER_AUTH_SECRET", SECRET)]);
    let alice = program.bearer(&token("alice"));
    let task = json!({ "title": "t", "description": "d".repeat(1000) });
    let mut created = 0;
    let refused = loop {
        let answer = Answer::to(alice.request(Method::POST, "/api/tasks").json(&task)).await;
        if answer.status != 201 {
            break answer;
        }
        created += 1;
        assert!(created < 2000, "the limit has no effect");
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "database_unavailable"));
    assert_eq!(alice.get(200, "/api/tasks").await.json().as_array().unwrap().len(), created);
}

#[test]
fn the_limit_of_open_files_is_raised_at_start_and_a_low_one_is_logged() {
    for (limits, raised, is_logged) in [("-Sn 256 && ulimit -Hn 5000", "5000", false), ("-n 256", "256", true)] {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::start_with_limits(folder.path(), limits, [("WORKERS", "1")]);
        assert_eq!(program.file_limit(), raised);
        program.signal("TERM");
        let (_, log) = program.wait();
        assert_eq!(log.contains("this server may open only 256 files"), is_logged, "{log}");
    }
}
