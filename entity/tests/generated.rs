//! The committed entities equal the generator's output for the migrated schema, on both databases.

mod generator;

use std::collections::BTreeMap;
use std::path::Path;

use testing::{TestDatabase, on_both_databases};

#[on_both_databases]
async fn the_committed_entities_match_the_migrated_schema(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    generator::generate(database.url(), folder.path()).await;
    assert_eq!(
        files_of(folder.path()),
        files_of(generator::source_folder()),
        "entity/src is out of date: run `cargo run -p entity --example regenerate`"
    );
}

fn files_of(folder: &Path) -> BTreeMap<String, String> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}
