//! Who takes part: a server on a database, or the database alone.

use std::path::Path;

use crate::agreement;
use crate::arguments::Workload;
use crate::database::{Database, Population};
use crate::floor;
use crate::load::Load;
use crate::measurement::Measurement;
use crate::server::Server;
use crate::tokens::Tokens;

/// One who takes part.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) database: Database,
    /// `None` for the database alone.
    pub(crate) server: Option<Server>,
}

/// What all who take part have in common.
pub(crate) struct Setting<'a> {
    pub(crate) population: Population,
    pub(crate) tokens: &'a Tokens,
    pub(crate) workers: u32,
    pub(crate) directory: &'a Path,
}

impl Contender {
    /// A server on a new database, whose schema `migrator` makes, with the population in it. It is checked before it is measured.
    pub(crate) async fn server(
        name: &str,
        program: &Path,
        migrator: &Path,
        database: Database,
        setting: &Setting<'_>,
    ) -> Self {
        eprintln!("{name}: starts");
        let Setting { tokens, workers, directory, .. } = *setting;
        // It migrates when it starts; then it has done its part, or starts once more with what is to be measured.
        drop(Server::start(migrator, &database, tokens, workers, directory).await);
        database.fill(setting.population).await;
        let server = Server::start(program, &database, tokens, workers, directory).await;
        agreement::check(name, &server, setting).await;
        Self { name: name.to_owned(), database, server: Some(server) }
    }

    /// Whether it has a turn.
    pub(crate) fn takes(&self, workload: Workload) -> bool {
        match (&self.server, self.database.postmaster) {
            (None, _) => floor::has(workload),
            (Some(_), Some(_)) => true,
            // SQLite is measured where it differs most: the fastest read, and the commit.
            (Some(_), None) => matches!(workload, Workload::Get | Workload::Create),
        }
    }

    /// Its turn.
    pub(crate) async fn measure(&self, load: Load<'_>) -> Measurement {
        match &self.server {
            Some(server) => load.measure(self, server).await,
            None => floor::measure(load, &self.database).await,
        }
    }
}
