//! `cargo run -p entity --example regenerate`: migrates an empty database and rewrites `entity/src` from its schema.

#[path = "../tests/generator/mod.rs"]
mod generator;

#[tokio::main]
async fn main() {
    let database = testing::TestDatabase::migrated(testing::Backend::Sqlite).await.expect("SQLite is built in");
    generator::generate(database.url(), generator::source_folder()).await;
}
