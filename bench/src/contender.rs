//! The contenders of a comparison: a server with its database, or a database alone.

use std::path::Path;

use crate::agreement;
use crate::arguments::Workload;
use crate::database::Database;
use crate::floor;
use crate::load::Load;
use crate::measurement::Measurement;
use crate::server::Server;
use crate::setting::Setting;

/// A contender of a comparison.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) database: Database,
    /// `None` for the database alone.
    pub(crate) server: Option<Server>,
}

impl Contender {
    /// Starts a server on a new database. The program `migrator` creates the schema; then the database is filled, and the server is checked.
    pub(crate) async fn server(
        name: &str,
        program: &Path,
        migrator: &Path,
        database: Database,
        setting: &Setting<'_>,
    ) -> Self {
        eprintln!("{name}: starts");
        let Setting { tokens, workers, directory, .. } = *setting;
        // The migrator migrates when it starts. The server to measure starts afterwards, on the filled database.
        drop(Server::start(migrator, &database, tokens, workers, directory).await);
        database.fill(setting.population).await;
        let server = Server::start(program, &database, tokens, workers, directory).await;
        agreement::check(name, &server, setting).await;
        Self { name: name.to_owned(), database, server: Some(server) }
    }

    /// Whether it takes part in this workload.
    pub(crate) fn takes(&self, workload: Workload) -> bool {
        match (&self.server, self.database.postmaster) {
            (None, _) => floor::has(workload),
            (Some(_), Some(_)) => true,
            // SQLite is measured where it differs most: the fastest read, and a commit.
            (Some(_), None) => matches!(workload, Workload::Get | Workload::Create),
        }
    }

    /// Measures it once.
    pub(crate) async fn measure(&self, load: Load<'_>) -> Measurement {
        match &self.server {
            Some(server) => load.measure(&self.database, server).await,
            None => floor::measure(load, &self.database).await,
        }
    }
}
