//! The server to compare with: the same HTTP API without an ORM, a connection pool or layers.
//!
//! It uses actix-web and tokio-postgres, with one prepared statement per request. Each worker has two connections of its own and sends
//! statements without waiting for earlier answers (pipelining). It has no locks, and no cache between requests. The measured operations are
//! complete. What is not measured is missing: CORS, logs, limits, request ids, `?status=`, writing priority, tags and due dates.
//!
//! It reads `DATABASE_URL`, `BETTER_AUTH_SECRET`, `PORT` and `WORKERS`, and needs the schema that the real server created.
#![expect(clippy::expect_used, reason = "a server that cannot start must stop")]

mod database;
mod routes;
mod timestamp;
mod token;
mod wire;

use std::env::var;
use std::time::Duration;

use actix_web::{App, HttpServer, web};

/// The allocator of the real server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let url = var("DATABASE_URL").expect("DATABASE_URL");
    let verifier = web::Data::new(token::Verifier::new(&var("BETTER_AUTH_SECRET").expect("BETTER_AUTH_SECRET")));
    let port: u16 = var("PORT").expect("PORT").parse().expect("PORT is a number");
    let workers = var("WORKERS").ok().and_then(|workers| workers.parse().ok()).filter(|workers| *workers > 0);
    let mut server = HttpServer::new(move || {
        let url = url.clone();
        App::new()
            .app_data(verifier.clone())
            // Runs on each worker's own thread, so that the connections' sockets belong to that thread too.
            .data_factory(move || database::Connections::connect(url.clone()))
            .configure(routes::configure)
    })
    .keep_alive(Duration::from_secs(75));
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    server.bind(("127.0.0.1", port))?.run().await
}
