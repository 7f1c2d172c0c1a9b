//! What happens before and after the library of the protocol.

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use service::Caller;
use url::{Host, Url};

use super::resource::address_of_description;
use super::{message, refusal};
use crate::auth::Scopes;
use crate::config::{AllowedOrigins, McpEndpoint, is_loopback};
use crate::error::Error;
use crate::extract::read_body;
use crate::server::{State, admit_agent};

/// Which requests are let in.
pub(super) struct Rules {
    /// The host that requests must name. It has no port, because a proxy can listen on another one.
    host: Option<Host>,
    /// Whether that is a name or an address of this machine. Then all of them are accepted.
    is_local: bool,
    origins: AllowedOrigins,
    requires_oauth: bool,
    /// The end of the value of `WWW-Authenticate`: the scopes to ask for, and the address of the description of this resource.
    challenge: String,
}

impl Rules {
    pub(super) fn new(endpoint: &McpEndpoint) -> Self {
        let description = address_of_description(&endpoint.resource);
        Self {
            host: endpoint.resource.host().map(|host| host.to_owned()),
            is_local: is_loopback(&endpoint.resource),
            origins: endpoint.origins.clone(),
            requires_oauth: endpoint.requires_oauth,
            challenge: format!(r#"scope="{}", resource_metadata="{description}""#, Scopes::BOTH),
        }
    }

    /// Checks the host and the origin, so that a page cannot reach the server under a name of its own (DNS rebinding).
    fn check_page(&self, request: &ServiceRequest) -> Result<(), Error> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.is_ours(host)) {
            return Err(Error::ForeignHost);
        }
        // A client that is no page sends no origin.
        let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
        let is_allowed = origin.to_str().is_ok_and(|origin| self.origins.contains(origin));
        if is_allowed { Ok(()) } else { Err(Error::ForeignOrigin) }
    }

    fn is_ours(&self, authority: &str) -> bool {
        // A URL has no path in its authority, and knows all spellings of a host.
        if authority.contains(['/', '\\', '?', '#', '@']) {
            return false;
        }
        let Ok(named) = Url::parse(&format!("http://{authority}")) else { return false };
        (self.is_local && is_loopback(&named)) || named.host().map(|host| host.to_owned()) == self.host
    }

    /// Returns the answer to a request that is refused. One without a sufficient token learns where to get one (RFC 9728, section
    /// 5.1).
    fn refuse(&self, request: ServiceRequest, error: Error) -> ServiceResponse {
        let challenge = match &error {
            Error::Unauthenticated(rejection) => {
                rejection.challenge().to_str().ok().map(|own| format!("{own}, {}", self.challenge))
            }
            Error::InsufficientScope => Some(format!(r#"Bearer error="insufficient_scope", {}"#, self.challenge)),
            _ => None,
        };
        let mut response = request.error_response(error);
        if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Runs before and after each request of an agent. Checks, in this order: the method (405), host and origin (403), the rate limit of
/// the address (429), the token (401), the rate limit of the user (429), the body (408, 413, 400), and the scope of the tool (403).
///
/// The library runs each tool in a task of its own, so that a panic there is a 500 and not a broken connection.
pub(super) async fn guard(
    rules: &Rules,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    match admit(rules, &mut request).await {
        Ok((caller, scopes, body)) => {
            request.extensions_mut().insert((caller.clone(), scopes));
            finish(next.call(request).await?, &caller, &body).await
        }
        // A response, not `Err`: the CORS layer adds no headers to an error, so pages could not read it.
        Err(error) => Ok(rules.refuse(request, error)),
    }
}

/// Returns the caller, what the token allows, and the body, which the library reads too.
async fn admit(rules: &Rules, request: &mut ServiceRequest) -> Result<(Caller, Scopes, Bytes), Error> {
    if request.method() != Method::POST {
        return Err(Error::NoMethod { allow: HeaderValue::from_static("POST") });
    }
    rules.check_page(request)?;
    let (caller, scopes) = admit_agent(request, rules.requires_oauth).await?;
    let body = {
        let (request, payload) = request.parts_mut();
        read_body(request, payload)
    };
    let body = body.await?;
    // A token that allows everything needs no second look at the message.
    if scopes != Scopes::ALL
        && let Some(tool) = message::called_tool(&body)?
        && !tool.is_allowed_by(scopes)
    {
        return Err(Error::InsufficientScope);
    }
    request.set_payload(Payload::from(body.clone()));
    Ok((caller, scopes, body))
}

/// Reads the answer of the library, which is short-lived and complete, so that it is sent with its length and is counted until it is
/// written. A refusal gets the form of JSON-RPC if it has none.
async fn finish(
    response: ServiceResponse,
    caller: &Caller,
    message: &[u8],
) -> Result<ServiceResponse, actix_web::Error> {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(|error| Error::Internal(error.to_string()))?;
    let status = response.status();
    if status.is_client_error() {
        let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let error = if is_json { refusal::of_json(status, body) } else { refusal::of_text(status, &body, message) };
        return Ok(ServiceResponse::from_err(error, request));
    }
    if status.is_server_error() {
        return Ok(ServiceResponse::from_err(Error::Internal(String::from_utf8_lossy(&body).into_owned()), request));
    }
    let state: Option<&Data<State>> = request.app_data();
    let counted = state.map_or(Ok(body.clone()), |state| state.answer_memory.body(caller.user_id(), body, None));
    Ok(match counted {
        Ok(body) => ServiceResponse::new(request, response.set_body(BoxBody::new(body))),
        Err(busy) => ServiceResponse::from_err(busy, request),
    })
}
