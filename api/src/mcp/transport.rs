//! The connection of the HTTP library with the library of the protocol.

use std::sync::Arc;

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::{self, Data};
use actix_web::{HttpMessage, HttpRequest, Scope};
use rmcp::model::Extensions;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp_actix_web::transport::StreamableHttpService;
use service::Caller;

use super::handler::Handler;
use crate::auth::Scopes;
use crate::extract::MAX_BODY_BYTES;
use crate::server::State;

/// Who calls, what the token allows, and the state of the worker. The guard puts caller and scopes into the request, and each call of
/// a tool gets those of its own request.
#[derive(Clone)]
pub(super) struct Asked {
    /// The state of the worker.
    pub(super) state: Data<State>,
    /// The user, and the client that acts for the user.
    pub(super) caller: Caller,
    /// What the token allows.
    pub(super) scopes: Scopes,
}

/// Returns the service of the endpoint. It keeps nothing between requests, and answers with JSON instead of a stream of events. Hosts
/// and origins are checked before.
pub(super) fn scope(
    path: &str,
) -> Scope<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = actix_web::Error, InitError = ()>,
> {
    StreamableHttpService::builder()
        .service_factory(Arc::new(|| Ok(Handler)))
        .session_manager(Arc::new(NeverSessionManager::default()))
        .stateful_mode(false)
        .json_response(true)
        .max_request_body_bytes(MAX_BODY_BYTES)
        .allowed_hosts(Vec::new())
        .on_request_fn(hand_on)
        .build()
        .scope_with_path(path)
}

/// Hands the caller on to the tools. A request without the guard has none, and its tools fail.
fn hand_on(request: &HttpRequest, extensions: &mut Extensions) {
    let state = request.app_data::<web::Data<State>>();
    let admitted = request.extensions().get::<(Caller, Scopes)>().cloned();
    if let (Some(state), Some((caller, scopes))) = (state, admitted) {
        extensions.insert(Asked { state: state.clone(), caller, scopes });
    }
}
