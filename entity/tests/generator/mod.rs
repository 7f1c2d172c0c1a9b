//! SeaORM's own generator, with this project's settings.

use std::path::Path;

use clap::Parser;
use sea_orm_cli::{Cli, Commands, run_generate_command};

/// Returns the folder of the entities.
pub fn source_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

/// Writes the entities of the schema at `url` into `folder`.
pub async fn generate(url: &str, folder: &Path) {
    let folder = folder.to_str().expect("a UTF-8 path");
    let arguments = ["sea-orm-cli", "generate", "entity", "--lib", "--entity-format", "dense", "--with-serde", "none"];
    let places = ["--database-url", url, "--output-dir", folder];
    let Commands::Generate { command } = Cli::parse_from(arguments.into_iter().chain(places)).command else {
        unreachable!("the arguments say `generate`")
    };
    run_generate_command(command, false).await.expect("the generator runs");
}
