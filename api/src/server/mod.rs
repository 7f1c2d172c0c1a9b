//! The server around the routes: start and stop, the state of a worker, and what happens to every request.

pub mod app;
pub mod cors;
pub mod guard;
pub mod headers;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod observe;
pub mod readiness;
