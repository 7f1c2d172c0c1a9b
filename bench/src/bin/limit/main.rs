//! The honest yardstick: what the same HTTP API costs without an ORM, a pool or a layer in between.
//!
//! actix-web and tokio-postgres, one prepared statement per request. Each worker has two connections of its own and sends
//! statements down them without waiting for earlier answers (pipelining); nothing is locked, and nothing is remembered
//! between requests. What is measured is done in full; what is not (CORS, logs, limits, request ids, `?status=`, writing
//! priority, tags and due dates) is not there.
//!
//! It reads `DATABASE_URL`, `BETTER_AUTH_SECRET`, `PORT` and `WORKERS`, and expects the schema that the real server made.
#![expect(clippy::expect_used, reason = "a yardstick that cannot work must stop")]

mod database;
mod moment;
mod routes;
mod token;
mod wire;

use std::env::var;
use std::time::Duration;

use actix_web::{App, HttpServer, web};

/// As in the real server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let url = var("DATABASE_URL").expect("DATABASE_URL");
    let judge = web::Data::new(token::Judge::new(&var("BETTER_AUTH_SECRET").expect("BETTER_AUTH_SECRET")));
    let port: u16 = var("PORT").expect("PORT").parse().expect("PORT is a number");
    let workers = var("WORKERS").ok().and_then(|workers| workers.parse().ok()).filter(|workers| *workers > 0);
    let mut server = HttpServer::new(move || {
        let url = url.clone();
        App::new()
            .app_data(judge.clone())
            // Awaited on each worker's own thread, so that its connections' sockets belong to that thread too.
            .data_factory(move || database::Database::connect(url.clone()))
            .configure(routes::configure)
    })
    .keep_alive(Duration::from_secs(75));
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    server.bind(("127.0.0.1", port))?.run().await
}
