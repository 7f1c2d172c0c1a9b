//! A private PostgreSQL: started once per test run, in a temporary folder, on a free port, gone when the run ends.
//!
//! "A test run" is the process that started the tests (`cargo test`, `cargo nextest`). All test programs that it starts share one cluster,
//! which they find by the id of that process. A watcher stops the cluster and removes the folder when that process ends.

use std::fs::{self, File};
use std::os::unix::process::parent_id;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::connection::{block_on, connect};
use crate::programs::{Programs, watch};

/// The name of the migrated database that others are copied from.
pub(crate) const TEMPLATE: &str = "migrated";

/// The name of the same database with tables that are partitioned by owner.
pub(crate) const PARTITIONED: &str = "partitioned";

/// Returns the address of this test run's cluster, up to and without a database's name.
///
/// The first call of the run starts it. The error states why there is none.
pub(crate) fn base_url() -> Result<String, String> {
    let programs = Programs::find().ok_or("no initdb and pg_ctl found")?;
    let directory = std::env::temp_dir().join(format!("task-tests-postgres-{}", parent_id()));
    // Several test programs, or several processes of one, may arrive at the same time: one starts it, the others wait here.
    let lock = File::create(directory.with_extension("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let address = directory.join("address");
    if !address.exists() {
        let _ = fs::remove_dir_all(&directory);
        // The data does not outlive the run, so it need not reach the disk.
        let settings = "max_connections = 300\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";
        let base_url = programs.start(&directory, settings, |_| {})?;
        watch(&directory, parent_id())?;
        make_templates(&base_url);
        fs::write(&address, base_url).map_err(|error| error.to_string())?;
    }
    fs::read_to_string(&address).map_err(|error| error.to_string())
}

fn make_templates(base_url: &str) {
    let base_url = base_url.to_owned();
    block_on(async move {
        let maintenance = connect(&format!("{base_url}postgres")).await;
        let create = |name: &str| format!("CREATE DATABASE {name}");
        maintenance.execute_unprepared(&create(TEMPLATE)).await.expect("CREATE DATABASE");
        let template = connect(&format!("{base_url}{TEMPLATE}")).await;
        migration::apply_pending(&template).await.expect("PostgreSQL migrates");
        // A database with an open connection cannot be copied.
        template.close().await.expect("the template's connection closes");
        let copy = format!("{} TEMPLATE {TEMPLATE}", create(PARTITIONED));
        maintenance.execute_unprepared(&copy).await.expect("CREATE DATABASE");
        let partitioned = connect(&format!("{base_url}{PARTITIONED}")).await;
        partition(&partitioned).await;
        partitioned.close().await.expect("the template's connection closes");
    });
}

/// Partitions the tables of a migrated database by owner, as Citus would distribute them.
pub(crate) async fn partition(db: &DatabaseConnection) {
    let partition = migration::SchemaChange::Partition(4);
    migration::change_schema(db, partition, true).await.expect("the tables are partitioned");
}
