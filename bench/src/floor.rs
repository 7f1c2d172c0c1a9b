//! The floor: the same SQL, sent by pgbench to the database without a server.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::arguments::Workload;
use crate::database::Database;
use crate::load::Load;
use crate::measurement::Measurement;
use crate::usage;

/// The number of clients with the highest throughput on two cores.
const CLIENTS: &str = "16";

/// Measures the script of a workload in bench/floor.
pub(crate) async fn measure(load: Load<'_>, database: &Database) -> Measurement {
    database.rest().await;
    let postmaster = database.postmaster.expect("the floor is PostgreSQL");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("floor").join(load.workload.name()).with_extension("sql");
    let before = (usage::of_postgres(postmaster), usage::of_ended_children());
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--client", CLIENTS])
        .arg(format!("--time={}", load.seconds))
        .arg(format!("--random-seed={}", load.seed))
        .arg(format!("--define=users={}", load.population.users))
        .arg(format!("--define=tasks={}", load.population.tasks))
        .arg("--file")
        .arg(script)
        .envs(variables(&database.url))
        .stdin(Stdio::null())
        .output()
        .expect("pgbench is needed (Debian: apt-get install postgresql), or --skip floor");
    let after = (usage::of_postgres(postmaster), usage::of_ended_children());
    let text = String::from_utf8_lossy(&output.stdout);
    let number = |begin: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(begin));
        line.and_then(|line| line.split([' ', '/']).next()?.parse::<f64>().ok())
    };
    let (Some(per_second), Some(count)) =
        (number("tps = "), number("number of transactions actually processed: ").filter(|_| output.status.success()))
    else {
        panic!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    Measurement {
        per_second,
        load_micros: (after.1 - before.1) / count,
        database_micros: Some((after.0 - before.0) / count),
        ..Measurement::default()
    }
}

/// Whether there is a script for this workload.
pub(crate) const fn has(workload: Workload) -> bool {
    matches!(workload, Workload::Get | Workload::List | Workload::Create | Workload::Toggle)
}

/// Returns the address as environment variables, because a password must not appear on a command line.
fn variables(url: &str) -> [(&'static str, &str); 5] {
    let split = || {
        let (login, place) = url.strip_prefix("postgres://")?.split_once('@')?;
        let ((user, password), (host, name)) = (login.split_once(':')?, place.split_once('/')?);
        let (host, port) = host.split_once(':')?;
        Some([("PGUSER", user), ("PGPASSWORD", password), ("PGHOST", host), ("PGPORT", port), ("PGDATABASE", name)])
    };
    split().expect("the cluster's addresses are of one form")
}
