//! Delivers changes to the streams of events.

use std::sync::Arc;

use actix_web::rt;
use actix_web::web::Data;
use service::{Error, live};

use super::State;
use super::application::root_cause;

/// Starts a task of the worker in whose thread this is called. Of the tasks of all workers, one at a time does the work, with
/// the connections of its worker.
pub(super) fn start(state: &Data<State>) {
    let notice = |error: &Error| {
        // The probe of the database reports an outage.
        if matches!(error, Error::Database(_)) {
            log::error!("changes are not delivered: {}", root_cause(error));
        }
    };
    rt::spawn(live::deliver(state.store.clone(), Arc::clone(&state.encode), notice));
}
