//! The server around the routes: start and stop, the state of a worker, and what happens to every request.
//!
//! It knows no route. [`Application::build`] is given the function that registers them.

mod addresses;
mod answer_memory;
mod application;
mod connections;
mod cors;
mod guard;
mod headers;
mod history;
mod limits;
mod live;
pub mod logging;
mod metrics;
mod observe;
mod readiness;
mod request_log;
pub mod resources;
mod state;
mod stop;
mod stream_errors;

pub(crate) use application::root_cause;
pub use application::{Application, Extras, StartError};
pub(crate) use connections::keep_for_stream;
pub(crate) use cors::RESOURCE_METADATA;
pub(crate) use guard::admit_agent;
pub use guard::guard;
pub(crate) use metrics::ToolOutcome;
pub use observe::catch_panic;
pub(crate) use readiness::NotReady;
pub use state::State;
pub(crate) use state::counted;
pub use stop::StopSignals;
