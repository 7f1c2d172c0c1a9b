//! The task service over HTTP.
//!
//! The life of a request: [`startup`] builds the App, [`observe`] names and logs the request, CORS, then [`routes`] finds
//! the operation, [`auth`] finds the caller, [`extract`] reads the rest, the handler calls `service::tasks`, and
//! [`error`] is the one place where a failure becomes an answer.

pub mod auth;
pub mod cli;
pub mod config;
mod cors;
pub mod error;
pub mod extract;
mod headers;
pub mod logging;
pub mod metrics;
pub mod observe;
pub mod openapi;
pub mod rate_limit;
pub mod readiness;
pub mod routes;
pub mod startup;
