use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use percent_encoding::percent_decode_str;
use service::Caller;

use super::State;
use crate::auth::Scopes;
use crate::error::Error;

/// Runs before every operation. Checks, in this order and before anything else of the request is read: the rate limit of the
/// client address (429), the token (401), the user in the path (403), and the rate limit of the user (429).
///
/// Handlers find the caller as `ReqData<Caller>`. A handler that is registered without the guard finds none and answers 500.
pub async fn guard(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match admit(&request).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await
        }
        // A response, not `Err`: the CORS layer adds no headers to an error, so pages could not read it.
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Checks the same for a request of an agent, whose path names no user. Returns the caller, and what the token allows.
///
/// # Errors
/// [`Error::RateLimited`], or why the token is refused.
pub(crate) async fn admit_agent(
    request: &ServiceRequest,
    requires_access_token: bool,
) -> Result<(Caller, Scopes), Error> {
    let state = state(request)?;
    state.limits.check_address(request)?;
    let admitted = state.verifier.authenticate_agent(request.headers(), requires_access_token).await?;
    state.limits.check_user(&admitted.0)?;
    Ok(admitted)
}

fn state(request: &ServiceRequest) -> Result<&web::Data<State>, Error> {
    request.app_data().ok_or_else(|| Error::Internal("no State".to_owned()))
}

async fn admit(request: &ServiceRequest) -> Result<Caller, Error> {
    let state = state(request)?;
    state.limits.check_address(request)?;
    let caller = state.verifier.authenticate(request.headers()).await?;
    if let Some(named) = request.match_info().get("user_id") {
        let named = percent_decode_str(named).decode_utf8();
        if named.map_or(true, |named| named != caller.user_id().as_str()) {
            return Err(Error::ForeignPath);
        }
    }
    state.limits.check_user(&caller)?;
    Ok(caller)
}
