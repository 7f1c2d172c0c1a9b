//! SeaORM's own generator, with this project's settings.

use std::fs;
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
    remove_partial_keys(Path::new(folder));
}

/// Removes the unique keys of partial indexes. The generator reports them on SQLite only, as if they held for all rows.
fn remove_partial_keys(folder: &Path) {
    const PARTIAL: &str = r#"unique_key = "task_series""#;
    let file = folder.join("task.rs");
    let text = fs::read_to_string(&file).expect("the generator wrote the entity");
    let text = text.replace(&format!("    #[sea_orm({PARTIAL})]\n"), "").replace(&format!(", {PARTIAL}"), "");
    fs::write(&file, text).expect("the folder is writable");
}
