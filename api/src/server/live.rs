//! Delivers changes to the streams of events, and fires reminders.

use std::sync::Arc;

use actix_web::rt;
use actix_web::web::Data;
use service::{Error, live, reminders};

use super::State;
use super::application::root_cause;

/// Starts two tasks of the worker in whose thread this is called. Of the tasks of all workers, one of each kind at a time does the
/// work, with the connections of its worker.
pub(super) fn start(state: &Data<State>) {
    rt::spawn(live::deliver(state.store.clone(), Arc::clone(&state.encode), notice("changes are not delivered")));
    rt::spawn(reminders::fire(state.store.clone(), notice("reminders do not fire")));
}

/// Logs errors. The probe of the database reports an outage.
fn notice(what: &'static str) -> impl Fn(&Error) {
    move |error| {
        if matches!(error, Error::Database(_)) {
            log::error!("{what}: {}", root_cause(error));
        }
    }
}
