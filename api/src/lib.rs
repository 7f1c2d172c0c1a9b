//! The task service over HTTP.
//!
//! The path of a request: [`server`] accepts it, gives it an id, applies CORS and the rate limits and finds its caller with
//! [`auth`]. [`routes`] maps it to a handler, whose arguments [`extract`] reads from the request, after [`compat`] has rewritten
//! what front ends send in forms of their own. The handler calls `service::tasks`. [`json`] holds the bodies that front ends send
//! and receive. [`error`] is the only place where a failure becomes a status. Agents come through [`mcp`], whose tools call the
//! same functions.
//!
//! Each room uses only those before it: [`config`], [`auth`], [`error`], [`compat`], [`extract`], [`json`], [`server`], [`mcp`],
//! [`routes`], [`cli`].

pub mod auth;
pub mod cli;
pub mod compat;
pub mod config;
pub mod error;
mod etag;
pub mod extract;
pub mod json;
pub mod mcp;
pub mod routes;
pub mod server;
mod tool;

pub use routes::openapi;
