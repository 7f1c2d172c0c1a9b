//! PostgreSQL behind TLS, and unreachable addresses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use testing::OwnCluster;

use crate::support::program::{Program, command, run};
use crate::support::{SECRET, token};

/// Starts a cluster that accepts only TLS connections, with a certificate for this name, signed by `ca.crt` in its folder.
fn cluster_with_tls(name: &str) -> Option<OwnCluster> {
    let settings = "ssl = on\nssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\n";
    OwnCluster::start(settings, |folder| {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.crt"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new([name.to_owned()]).unwrap();
        let server = server.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        fs::write(folder.join("server.crt"), server.pem()).unwrap();
        fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
        fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(folder.join("data/pg_hba.conf"), "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
            .unwrap();
    })
}

fn settings(url: &str) -> [(&'static str, String); 3] {
    [
        ("DATABASE_URL", url.to_owned()),
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("DATABASE_WAIT_SECONDS", "2".to_owned()),
    ]
}

/// Checks that the server exits at once with code 1, and logs one line with this text and without the password.
fn assert_refused(folder: &Path, url: &str, told: &str) {
    let started = Instant::now();
    let (code, stdout, stderr) = run(command(folder).env("PORT", "0").envs(settings(url)));
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{url}: {stderr}");
    assert!(started.elapsed() < Duration::from_secs(20), "{url}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(errors[0].contains(told), "{stderr}");
    let password = url.split(':').nth(2).unwrap().split('@').next().unwrap();
    assert!(!stderr.contains(password), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_channel_binding_works_only_if_the_certificate_is_right() {
    let Some(cluster) = cluster_with_tls("localhost") else { return };
    let folder = tempfile::tempdir().unwrap();
    let by_name = cluster.url().replace("127.0.0.1", "localhost");
    let pasted = format!("{by_name}?sslmode=require&channel_binding=require");
    let trusted = format!("{pasted}&sslrootcert={}/ca.crt", cluster.directory().display());

    let program = Program::start(folder.path(), settings(&trusted));
    program.bearer(&token("alice")).create("over TLS").await;
    program.signal("TERM");
    let (_, log) = program.wait();
    assert_eq!(log.matches("channel_binding=require").count(), 1, "{log}");

    assert_refused(folder.path(), &pasted, "certificate");
    assert_refused(folder.path(), &trusted.replace("localhost", "127.0.0.1"), "certificate");
    assert_refused(folder.path(), &format!("{by_name}?sslmode=disable"), "no encryption");
    assert_refused(folder.path(), &format!("{pasted}&sslrootcert=/no/such/file"), "sslrootcert that cannot be read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_address_gives_one_clear_line_without_the_password() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.url();
    let password = url.split(':').nth(2).unwrap().split('@').next().unwrap().to_owned();
    assert_refused(folder.path(), &url.replace(&password, "a-wrong-password"), "password authentication failed");
    assert_refused(folder.path(), &format!("{}no_such_database", url.trim_end_matches("postgres")), "no_such_database");
    assert_refused(folder.path(), "postgres://u:hunter2@no-such-host.invalid/db", "opened");
    assert_refused(folder.path(), "postgres://u:hunter2@db.example/db?sslmode=disable", "DATABASE_TLS=off");
    assert_refused(folder.path(), "postgres://u:hunter2@127.0.0.1:1/db", "refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_waits_for_a_database_that_is_down_and_logs_it() {
    let Some(cluster) = OwnCluster::start("", |_| {}) else { return };
    cluster.ctl(&["stop", "-m", "fast"]);
    let folder = tempfile::tempdir().unwrap();
    let mut variables = settings(&cluster.url());
    variables[2].1 = "60".to_owned();
    let path = folder.path().to_owned();
    let starting = std::thread::spawn(move || Program::start(&path, variables));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!starting.is_finished());
    cluster.ctl(&["start"]);
    let program = starting.join().unwrap();
    program.bearer(&token("alice")).create("t").await;
    program.signal("TERM");
    assert!(program.wait().1.contains("the database is not up yet, waiting up to 60 s"));
}
