//! The endpoint of agents: the Model Context Protocol at `/mcp`, over Streamable HTTP without sessions.
//!
//! `rmcp`, the official library, speaks the protocol, and `rmcp-actix-web` connects it with the HTTP library (`transport`). Before
//! them, `guard` checks the host, the origin, the token, the form of the message (`message`) and the scope of the tool, and after
//! them it gives each refusal the form of JSON-RPC (`refusal`). `handler` answers the requests of the protocol. `tools` has one file
//! for each tool; they read their arguments as the API reads a body, and call the same functions of `service::tasks`. There is no
//! rule about tasks in this room. `resource` describes the endpoint to clients that sign in with OAuth.

mod guard;
mod handler;
mod message;
mod refusal;
mod resource;
mod schemas;
mod tools;
mod transport;

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

use crate::config::McpEndpoint;

/// The path of the endpoint. It is also found with a slash at its end.
const PATH: &str = "/mcp";

/// Registers the endpoint and its description in an App.
pub(crate) fn configure(app: &mut ServiceConfig, endpoint: &Arc<McpEndpoint>) {
    let rules = Arc::new(guard::Rules::new(endpoint));
    for path in resource::PATHS {
        app.service(resource::description(path, endpoint));
    }
    app.service(web::scope("").service(transport::scope(PATH).wrap(from_fn(move |request, next| {
        let rules = Arc::clone(&rules);
        async move { guard::guard(&rules, request, next).await }
    }))));
}
